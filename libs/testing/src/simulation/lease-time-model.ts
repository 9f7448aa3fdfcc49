import {
  type TasksContext,
  type TasksMessage,
  type TasksPolicy,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { type Fact, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { taskKeyOf } from './task-key.js';
import { insist } from './violation.js';

type TasksFact = Parameters<TasksContext['evolve']>[1];
type Decided = ReturnType<TasksContext['plan']>[number];
type Heard<K extends TasksMessage['kind']> = Extract<TasksMessage, { kind: K }>;

interface LeaseTime {
  readonly id: string;
  readonly agent: string;
  readonly life: number;
  readonly attempt: number;
  readonly leaseMs: number;
  readonly spec: TaskSpec;
  /** The last time that its agent is known to have had it, or to have been sent it. */
  hadAtMs: number;
  startedAtMs: number | null;
  /** When the agent was first heard to have it, by this owner. */
  heardAtMs: number | null;
  /** It is sent again to an agent that turns out not to have it. */
  isToSend: boolean;
}

/**
 * The leases of one state, and how far each reaches: by what the agents say, the facts and the policy. A state from a
 * snapshot begins with what the snapshot says.
 */
class LeaseTimes {
  private readonly specs = new Map<string, TaskSpec>();
  private readonly leases = new Map<string, LeaseTime>();
  private readonly sessions = new Map<string, string>();
  private readonly agents = new Set<string>();
  tookOverAtMs: number | null = null;

  constructor(
    state: TasksState,
    private readonly policy: TasksPolicy,
    private readonly counters: Counters,
  ) {
    for (const { tenant, tasks, agents } of state.realms.values()) {
      for (const id of agents.keys()) this.agents.add(`${tenant.id}/${id}`);
      for (const { id, spec, life, lease, cancel } of tasks.values()) {
        const key = `${tenant.id}/${id}`;
        this.specs.set(key, spec);
        if (!lease) continue;
        const { agentId, attempt, leaseMs, leasedAtMs: hadAtMs, startedAtMs, isMoving } = lease;
        const moment = { hadAtMs, startedAtMs, heardAtMs: null, isToSend: cancel === null && !isMoving };
        const agent = `${tenant.id}/${agentId}`;
        this.leases.set(key, { id: key, agent, life, attempt, leaseMs, spec, ...moment });
      }
    }
  }

  fold(fact: TasksFact): void {
    switch (fact.type) {
      case 'agent.enrolled':
        this.agents.add(`${fact.tenantId}/${fact.data.agent_id}`);
        return;
      case 'agent.removed':
        this.agents.delete(`${fact.tenantId}/${fact.data.agent_id}`);
        this.sessions.delete(`${fact.tenantId}/${fact.data.agent_id}`);
        // Another that enrols under the same id has no part in them.
        for (const lease of this.of(`${fact.tenantId}/${fact.data.agent_id}`)) lease.isToSend = false;
        return;
      case 'task.queued':
        this.specs.set(taskKeyOf(fact), fact.data.spec);
        return;
      case 'task.leased':
        return this.leased(fact);
      case 'task.started': {
        const lease = this.leases.get(taskKeyOf(fact));
        if (lease) lease.startedAtMs ??= fact.timeMs;
        return;
      }
      case 'task.cancel-requested':
      case 'task.move-requested': {
        const lease = this.leases.get(taskKeyOf(fact));
        if (lease) lease.isToSend = false;
        return;
      }
      case 'task.attempt-ended':
        this.leases.delete(taskKeyOf(fact));
        return;
      case 'task.ended':
        this.leases.delete(taskKeyOf(fact));
        this.specs.delete(taskKeyOf(fact));
        return;
      default:
        return;
    }
  }

  private leased(fact: Fact & { type: 'task.leased' }): void {
    const { agent_id, life, attempt, lease_ms: leaseMs } = fact.data;
    const id = taskKeyOf(fact);
    const spec = this.specs.get(id)!;
    const moment = { hadAtMs: fact.timeMs, startedAtMs: null, heardAtMs: null, isToSend: true };
    const agent = `${fact.tenantId}/${agent_id}`;
    this.leases.set(id, { id, agent, life, attempt, leaseMs, spec, ...moment });
  }

  hear(message: TasksMessage, nowMs: number): void {
    if (message.kind === 'pressure') return;
    const agent = `${message.tenantId}/${message.agentId}`;
    if (!this.agents.has(agent)) return;
    if (message.kind === 'connected') return this.connected(agent, message, nowMs);
    if (message.kind !== 'heartbeat' || this.sessions.get(agent) !== message.sessionId) {
      const isOver = message.kind === 'disconnected' && this.sessions.get(agent) === message.sessionId;
      if (isOver) this.sessions.delete(agent);
      return;
    }
    const had = new Set(message.running.map((one) => nameOf(message.tenantId, one)));
    for (const lease of this.of(agent)) {
      if (had.has(attemptOf(lease))) this.had(lease, Math.min(message.answeredAtMs, nowMs));
    }
  }

  /** What it does not list it is sent again, and counts its time from then. */
  private connected(agent: string, message: Heard<'connected'>, nowMs: number): void {
    this.sessions.set(agent, message.sessionId);
    const finished = new Map(message.inventory.map((one) => [nameOf(message.tenantId, one), one.finished]));
    for (const lease of this.of(agent)) {
      const isFinished = finished.get(attemptOf(lease));
      if (isFinished === false) this.had(lease, nowMs);
      if (isFinished === undefined && lease.isToSend) this.extend(lease, nowMs);
    }
  }

  private had(lease: LeaseTime, atMs: number): void {
    lease.heardAtMs ??= atMs;
    this.extend(lease, atMs);
  }

  /** Not beyond what the run itself may take: an agent that lets it go on is not trusted to end it. */
  private extend(lease: LeaseTime, atMs: number): void {
    if (atMs >= this.runLimitMs(lease)) {
      this.counters.add('outlived its time');
      return;
    }
    lease.hadAtMs = Math.max(lease.hadAtMs, atMs);
  }

  private runLimitMs({ spec, startedAtMs, heardAtMs }: LeaseTime): number {
    const { execution_timeout_ms: limitMs, kill_grace_ms: graceMs } = spec;
    if (limitMs === 0) return Infinity;
    // An agent that has a run may still wait, for as long as an older attempt may take to stop.
    const fromMs = startedAtMs ?? (heardAtMs === null ? Infinity : heardAtMs + graceMs);
    return Math.max(fromMs, this.tookOverAtMs ?? 0) + limitMs + graceMs + this.policy.leaseMarginMs;
  }

  /** Before this the agent may run it in good faith. */
  private overMs({ hadAtMs, leaseMs }: LeaseTime): number {
    if (this.tookOverAtMs === null) return Infinity;
    return Math.max(hadAtMs, this.tookOverAtMs) + leaseMs + this.policy.leaseMarginMs;
  }

  judge(event: Decided | undefined, nowMs: number): void {
    if (event?.type === 'task.attempt-ended' || event?.type === 'task.ended') {
      if (event.data.outcome === undefined) return;
      const lease = this.leases.get(`${event.tenantId}/${event.data.task_id}`);
      const earlyMs = lease ? this.overMs(lease) - nowMs : Infinity;
      insist(earlyMs <= 0, 'lease time', () => `${event.data.task_id} is called over ${earlyMs} ms early`);
      return;
    }
    // What is over comes before anything new, and certainly before nothing at all.
    if (event && event.type !== 'task.leased' && event.type !== 'schedule.fired') return;
    for (const lease of this.leases.values()) {
      const lateMs = nowMs - this.overMs(lease);
      insist(lateMs < 0, 'lease time', () => `the lease of ${lease.id} is over for ${lateMs} ms, and stands`);
    }
  }

  private *of(agent: string): Iterable<LeaseTime> {
    for (const lease of this.leases.values()) if (lease.agent === agent) yield lease;
  }
}

/** The context as hosts run it, the end of each lease held against the time that its agent has. */
export function withLeaseTimes(context: TasksContext, counters: Counters): TasksContext {
  const known = new WeakMap<TasksState, LeaseTimes>();
  const timesOf = (state: TasksState): LeaseTimes => {
    let times = known.get(state);
    if (!times) known.set(state, (times = new LeaseTimes(state, context.policy, counters)));
    return times;
  };
  return {
    ...context,
    evolve: (state, fact) => {
      timesOf(state).fold(fact);
      context.evolve(state, fact);
    },
    observe: (state, message, nowMs) => {
      timesOf(state).hear(message, nowMs);
      context.observe(state, message, nowMs);
    },
    resume: (state, nowMs) => {
      timesOf(state).tookOverAtMs = nowMs;
      return context.resume(state, nowMs);
    },
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      if (room > 0) timesOf(state).judge(events[0], nowMs);
      return events;
    },
  };
}

function attemptOf({ id, life, attempt }: LeaseTime): string {
  return `${id}/${life}/${attempt}`;
}

function nameOf(tenantId: string, ref: { taskId: string; life: number; attempt: number }): string {
  return `${tenantId}/${ref.taskId}/${ref.life}/${ref.attempt}`;
}
