import { type TasksContext, type TasksPolicy, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Requests, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

type Realm = TasksState['realms'] extends Map<string, infer R> ? R : never;
type Task = Realm['tasks'] extends ReadonlyMap<string, infer T> ? T : never;
type Agent = Realm['agents'] extends ReadonlyMap<string, infer A> ? A : never;
/** Of the tasks that one kept agent is for, whichever is first. */
type Kind = NonNullable<Task['lane']>['group'];

const hourMs = 3_600_000;

interface Promised {
  agent: Agent;
  /** By the time limits of what ran there when the first agent was kept. */
  readonly untilMs: number;
}

/**
 * What asks for more than comes free at once is not passed by smaller ones without end. Whoever has waited two steps
 * of aging beyond the top has an agent kept for its kind, as long as one could take it that is kept for nobody else,
 * and fewer are kept than may be. Nothing else is leased there; it is another agent where that will have room sooner by
 * an order of magnitude; and what waits is leased by the time at which the first agent was to have room, and as much
 * later as its tenant was held as a whole meanwhile.
 *
 * Told by the agents, the tasks and the leases alone, after each pass; what holds for two steps of aging at a stretch
 * cannot have been missed.
 */
class Rooms {
  private since = new Map<string, number>();
  private promised = new Map<Kind, Promised>();
  private held = new Set<Realm>();
  private lookedAtMs = Infinity;

  constructor(
    private readonly policy: TasksPolicy,
    private readonly counters: Counters,
  ) {}

  look(state: TasksState, nowMs: number): void {
    const wrong = new Set<string>();
    const promised = new Map<Kind, Promised>();
    for (const realm of state.realms.values()) {
      const kinds = this.lookAtKept(state, realm, promised, wrong, nowMs);
      this.lookAtWaiting(realm, kinds, wrong, nowMs);
    }
    this.since = new Map([...wrong].map((what) => [what, this.since.get(what) ?? nowMs]));
    this.promised = promised;
    this.held = new Set([...state.realms.values()].filter((realm) => isHeld(realm, nowMs)));
    this.lookedAtMs = nowMs;
  }

  /** What has been wrong in this tenant for so long that it ought to have been seen to. */
  overdue(tenantId: string, nowMs: number): string | null {
    for (const [what, sinceMs] of this.since) {
      if (what.startsWith(`${tenantId}: `) && nowMs - sinceMs > 2 * this.policy.agingMs) return what;
    }
    return null;
  }

  /** One of the tenant's that was to be leased by now. */
  broken(realm: Realm, leased: Kind | undefined, nowMs: number): string | null {
    for (const [kind, { agent, untilMs }] of this.promised) {
      if (kind === leased || agent.tenantId !== realm.tenant.id || nowMs <= untilMs) continue;
      return `${agent.keptFor} was to be on ${agent.id} by ${untilMs}, and it is ${nowMs}`;
    }
    return null;
  }

  /** It has what it was kept for. */
  leased(kind: Kind | undefined): void {
    if (kind) this.promised.delete(kind);
  }

  private lookAtKept(
    state: TasksState,
    realm: Realm,
    promised: Map<Kind, Promised>,
    wrong: Set<string>,
    nowMs: number,
  ): Set<Kind> {
    const kinds = new Set<Kind>();
    const agents = [...realm.agents.values()];
    for (const agent of agents) {
      const task = agent.keptFor === null ? undefined : realm.tasks.get(agent.keptFor);
      if (!task?.lane) continue;
      const kind = task.lane.group;
      kinds.add(kind);
      this.promise(state, realm, promised, { kind, agent, task, nowMs });
      const own = roomAtMs(realm, agent, task.spec.requests, nowMs);
      for (const other of agents) {
        if (other.keptFor !== null || !couldTake(other, task.spec)) continue;
        const otherMs = roomAtMs(realm, other, task.spec.requests, nowMs);
        if (this.doublings(otherMs - nowMs) >= this.doublings(own - nowMs)) continue;
        wrong.add(`${realm.tenant.id}: ${other.id} will have room before ${agent.id} for ${task.id}`);
      }
    }
    if (kinds.size > 1) this.counters.add('room kept for two kinds');
    if (kinds.size > this.most(realm)) wrong.add(`${realm.tenant.id}: too many agents are kept`);
    return kinds;
  }

  private promise(
    state: TasksState,
    realm: Realm,
    promised: Map<Kind, Promised>,
    { kind, agent, task, nowMs }: { kind: Kind; agent: Agent; task: Task; nowMs: number },
  ): void {
    const before = this.promised.get(kind);
    const moved = before && before.agent !== agent;
    if (moved) this.counters.add('room kept moved');
    // Where the first agent is lost or draining, nothing it said holds any more.
    if (before && (!moved || couldTake(before.agent, task.spec))) {
      const heldMs = this.held.has(realm) ? Math.max(0, nowMs - this.lookedAtMs) : 0;
      if (heldMs > 0) this.counters.add('room kept while held');
      promised.set(kind, { agent, untilMs: before.untilMs + heldMs });
      return;
    }
    const limits = [...agent.leases].map((id) => realm.tasks.get(id)?.spec.execution_timeout_ms ?? 0);
    // A new owner counts from its takeover how long a run may take.
    const tookOverMs = (state.moment.tookOverAtMs ?? 0) + Math.max(0, ...limits);
    const roomMs = roomAtMs(realm, agent, task.spec.requests, nowMs);
    promised.set(kind, { agent, untilMs: Math.max(roomMs, tookOverMs) + this.slackMs });
  }

  private lookAtWaiting(realm: Realm, kinds: ReadonlySet<Kind>, wrong: Set<string>, nowMs: number): void {
    if (kinds.size >= this.most(realm)) return;
    for (const task of realm.tasks.values()) {
      const { lane, spec } = task;
      if (!lane?.group.blocked || !spec.requests || kinds.has(lane.group)) continue;
      if (nowMs < task.readyAtMs + (spec.priority + 2) * this.policy.agingMs) continue;
      for (const agent of realm.agents.values()) {
        if (agent.keptFor !== null || !couldTake(agent, spec)) continue;
        wrong.add(
          `${realm.tenant.id}: none is kept for ${task.id}, and ${agent.id} (${agent.session?.id}) could be`,
        );
      }
    }
  }

  /** To hear of a start late, and of an end not at all. */
  private get slackMs(): number {
    const { leaseMs, leaseMarginMs, agingMs } = this.policy;
    return 2 * (leaseMs + 2 * leaseMarginMs) + 2 * agingMs;
  }

  private most({ agents }: Realm): number {
    const { oneIn, atMost } = this.policy.keeping;
    const able = [...agents.values()].filter(isAble).length;
    return Math.min(atMost, Math.max(1, Math.floor(able / oneIn)));
  }

  private doublings(spanMs: number): number {
    return Math.ceil(Math.log2(Math.max(1, spanMs / this.policy.agingMs)));
  }
}

/** The context as hosts run it, what it keeps and leases held against this. */
export function withRoomKept(context: TasksContext, counters: Counters): TasksContext {
  const known = new WeakMap<TasksState, Rooms>();
  const roomsOf = (state: TasksState): Rooms => {
    let rooms = known.get(state);
    if (!rooms) known.set(state, (rooms = new Rooms(context.policy, counters)));
    return rooms;
  };
  return {
    ...context,
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      const rooms = roomsOf(state);
      rooms.look(state, nowMs);
      for (const event of events) {
        const realm = state.realms.get(event.tenantId);
        if (event.type !== 'task.leased' || !realm) continue;
        const { task_id: taskId, agent_id: agentId } = event.data;
        const keptFor = realm.agents.get(agentId)?.keptFor ?? null;
        const isItsOwn = keptFor === null || keptFor === taskId;
        insist(isItsOwn, 'room kept', () => `${agentId}, kept for ${keptFor}, is given ${taskId}`);
        if (keptFor !== null) counters.add('room kept for a large task');
        const kind = realm.tasks.get(taskId)?.lane?.group;
        const wrong = rooms.overdue(event.tenantId, nowMs) ?? rooms.broken(realm, kind, nowMs);
        insist(wrong === null, 'room kept', () => `${wrong}, and ${taskId} is leased`);
        rooms.leased(kind);
      }
      return events;
    },
  };
}

/** By its mode, or by a quota: nothing of it is leased, whatever room there is. */
function isHeld({ tenant, cluster, tasks, queuedTasks, outputHeldHourMs }: Realm, nowMs: number): boolean {
  const { max_running_tasks: most = Infinity } = tenant.limits;
  const drains = [tenant.mode, cluster.modes.operator.mode].includes('draining');
  const hasPrinted = outputHeldHourMs !== null && nowMs < outputHeldHourMs + hourMs;
  return drains || hasPrinted || tasks.size - queuedTasks >= most;
}

function isAble({ id, standing, session, draining, breakers, labels }: Agent): boolean {
  if (standing !== 'found' || !session || session.stopping || draining) return false;
  return breakers.room(id, labels) !== 'none';
}

/** With nothing else to do. */
function couldTake(agent: Agent, { agent_id, executor, selector, requests }: TaskSpec): boolean {
  const { slots, capacity, executors, labels } = agent;
  if (agent_id !== undefined && agent_id !== agent.id) return false;
  if (!isAble(agent) || !executors.includes(executor)) return false;
  const hasRoom =
    (requests?.slots ?? 1) <= slots &&
    (requests?.cpu_millis ?? 0) <= (capacity?.cpu_millis ?? Infinity) &&
    (requests?.memory_bytes ?? 0) <= (capacity?.memory_bytes ?? Infinity);
  return (
    hasRoom && selector.every(({ key, op, values }) => op === 'in' && values.includes(labels[key] ?? ''))
  );
}

/** By trying: the first time by which so many of the runs are over that it fits beside the others. */
function roomAtMs({ tasks }: Realm, agent: Agent, requests: Requests | undefined, nowMs: number): number {
  const runs = [...agent.leases].flatMap((id) => tasks.get(id) ?? []);
  const times = [nowMs, ...runs.map((run) => Math.max(nowMs, overMs(run)))].sort((a, b) => a - b);
  const others = (atMs: number): Task[] => runs.filter((run) => overMs(run) > atMs);
  return times.find((atMs) => fitsBeside(agent, others(atMs), requests)) ?? Infinity;
}

function overMs({ lease, spec }: Task): number {
  if (!lease || spec.execution_timeout_ms === 0) return Infinity;
  return (lease.startedAtMs ?? lease.leasedAtMs) + spec.execution_timeout_ms + spec.kill_grace_ms;
}

function fitsBeside({ slots, capacity }: Agent, runs: readonly Task[], requests: Requests = {}): boolean {
  const left = (most: number | undefined, of: (one: Requests) => number): boolean =>
    of(requests) === 0 ||
    runs.reduce((sum, { spec }) => sum + of(spec.requests ?? {}), of(requests)) <= (most ?? Infinity);
  return (
    left(slots, (one) => one.slots ?? 1) &&
    left(capacity?.cpu_millis, (one) => one.cpu_millis ?? 0) &&
    left(capacity?.memory_bytes, (one) => one.memory_bytes ?? 0)
  );
}
