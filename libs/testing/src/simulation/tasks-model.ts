import {
  type EventData,
  type Fact,
  type Requests,
  type Resources,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { matchesSelector } from '@fluxforge/domain/kernel';
import { type Counters } from './counters.js';
import { type Accepted } from './journal-model.js';
import { type Scenario } from './scenario.js';
import { insist } from './violation.js';

interface LeaseModel {
  readonly agentId: string;
  readonly attempt: number;
  readonly leasedAtMs: number;
  readonly leaseMs: number;
  started: boolean;
}

export interface TaskModel {
  readonly tenantId: string;
  readonly id: string;
  readonly life: number;
  readonly spec: TaskSpec | null;
  readonly kind: string;
  readonly exclusive: boolean;
  attempts: number;
  /** Given back by moves. */
  forgiven: number;
  lease: LeaseModel | null;
  cancelled: boolean;
  end: string | null;
}

export interface AgentModel {
  readonly tenantId: string;
  readonly id: string;
  labels: Readonly<Record<string, string>>;
  slots: number;
  capacity: Resources | null;
  executors: readonly string[];
  standing: 'enrolled' | 'found' | 'lost';
  draining: boolean;
  /** What each task with a live lease asks for. */
  readonly leases: Map<string, Requests>;
}

/** What the world outside the log knows, for the model to hold the log against. */
export interface Evidence {
  /** A run of this attempt came to its end with exit code 0. */
  succeeded(tenantId: string, agentId: string, key: string): boolean;
  /** The attempt runs now, within the time that its agent believes to have. */
  running(tenantId: string, agentId: string, key: string): boolean;
  wasRequested(tenantId: string, taskId: string): boolean;
}

/** A reference model of tasks and agents: what each event of the tasks context may do, and no more. */
export class TasksModel {
  readonly tasks = new Map<string, TaskModel>();
  readonly agents = new Map<string, AgentModel>();
  /** Attempts whose end was told by their agent, or whose report was recorded. */
  readonly reported = new Set<string>();
  readonly tenants = new Set<string>();
  private readonly keys = new Map<string, string>();
  alive = 0;

  constructor(
    private readonly scenario: Scenario,
    private readonly evidence: Evidence,
    private readonly counters: Counters,
  ) {}

  fold({ event: { fact }, claimedAtMs }: Accepted): void {
    switch (fact.type) {
      case 'tenant.created':
        this.tenants.add(fact.tenantId);
        return;
      case 'agent.enrolled':
        return this.enrolled(fact.tenantId, fact.data);
      case 'agent.found':
      case 'agent.lost':
      case 'agent.changed':
      case 'agent.drain-set':
      case 'agent.removed':
        return this.agent(fact, claimedAtMs);
      case 'task.queued':
        return this.queued(fact.tenantId, fact.data);
      case 'task.rejected':
        return this.rejected(fact.tenantId, fact.data);
      case 'task.leased':
        return this.leased(fact);
      case 'task.started':
        this.currentLease(fact).started = true;
        return;
      case 'task.attempt-ended':
        return this.attemptEnded(fact, claimedAtMs);
      case 'task.cancel-requested':
        return this.cancelRequested(fact);
      case 'task.ended':
        return this.ended(fact, claimedAtMs);
      case 'task.report-ignored':
        this.counters.add('stale report');
        this.reported.add(attemptKey(fact.tenantId, fact.data));
        return;
      case 'command.rejected':
        if (fact.data.code === 'idempotency_key_reused') this.counters.add('key reused');
        return;
      default:
        return;
    }
  }

  find(tenantId: string, taskId: string): TaskModel | undefined {
    return this.tasks.get(`${tenantId}/${taskId}`);
  }

  agentOf(tenantId: string, agentId: string): AgentModel | undefined {
    return this.agents.get(`${tenantId}/${agentId}`);
  }

  /** Whether some agent that is there could run it: without one, and without a deadline, it waits for ever. */
  placeable({ tenantId, spec }: TaskModel): boolean {
    if (!spec) return true;
    for (const agent of this.agents.values()) {
      if (agent.tenantId === tenantId && suits(agent, spec)) return true;
    }
    return spec.delivery_timeout_ms > 0 || spec.not_after_ms !== undefined;
  }

  private enrolled(tenantId: string, data: EventData<'agent.enrolled'>): void {
    const key = `${tenantId}/${data.agent_id}`;
    insist(!this.agents.has(key), 'one enrolment', () => key);
    const { agent_id: id, labels, slots, executors, capacity = null } = data;
    this.agents.set(key, {
      tenantId,
      id,
      labels,
      slots,
      capacity,
      executors,
      standing: 'enrolled',
      draining: false,
      leases: new Map(),
    });
  }

  private agent(
    fact: Fact & {
      type: 'agent.found' | 'agent.lost' | 'agent.changed' | 'agent.drain-set' | 'agent.removed';
    },
    claimedAtMs: number,
  ): void {
    const agent = this.agentOf(fact.tenantId, fact.data.agent_id);
    insist(agent !== undefined, 'I6 tenants', () => `${fact.type} of ${fact.tenantId}/${fact.data.agent_id}`);
    switch (fact.type) {
      case 'agent.found':
        agent.standing = 'found';
        return;
      case 'agent.lost':
        this.insistPatience(fact.timeMs, claimedAtMs, `agent ${agent.id} lost`);
        this.counters.add('agent lost');
        agent.standing = 'lost';
        return;
      case 'agent.changed':
        agent.labels = fact.data.labels;
        agent.slots = fact.data.slots;
        agent.capacity = fact.data.capacity ?? null;
        agent.executors = fact.data.executors;
        return;
      case 'agent.drain-set':
        agent.draining = fact.data.drain;
        return;
      case 'agent.removed':
        this.agents.delete(`${fact.tenantId}/${agent.id}`);
    }
  }

  private open(tenantId: string, data: EventData<'task.queued'> | EventData<'task.rejected'>): void {
    const { task_id: id, life, origin, keyed } = data;
    const before = this.find(tenantId, id);
    insist(
      !before || (before.end !== null && life > before.life),
      'I8 one task',
      () => `${id} was opened again`,
    );
    insist(origin !== undefined || this.evidence.wasRequested(tenantId, id), 'I1b no phantom', () => id);
    if (!keyed) return;
    const key = `${tenantId}/${keyed.key_hash}`;
    insist(
      !this.keys.has(key),
      'I8 one task',
      () => `key of ${id} was used before, by ${this.keys.get(key)}`,
    );
    this.keys.set(key, id);
  }

  private queued(tenantId: string, data: EventData<'task.queued'>): void {
    insist(this.tenants.has(tenantId), 'I6 tenants', () => `${data.task_id} queued for no tenant`);
    this.open(tenantId, data);
    const { task_id: id, life, spec, kind } = data;
    const fresh = { attempts: 0, forgiven: 0, lease: null, cancelled: false, end: null };
    const exclusive = kind === 'reconciliation' && data.exclusive !== false;
    this.tasks.set(`${tenantId}/${id}`, { tenantId, id, life, spec, kind, exclusive, ...fresh });
    this.alive += 1;
  }

  private rejected(tenantId: string, data: EventData<'task.rejected'>): void {
    this.open(tenantId, data);
    const { task_id: id, life, kind } = data;
    const over = { attempts: 0, forgiven: 0, lease: null, cancelled: false, end: 'rejected' };
    this.tasks.set(`${tenantId}/${id}`, { tenantId, id, life, spec: null, kind, exclusive: false, ...over });
  }

  private leased(fact: Fact & { type: 'task.leased' }): void {
    const { data, tenantId, timeMs } = fact;
    const task = this.live(fact);
    const what = `${tenantId}/${data.task_id} attempt ${data.attempt}`;
    insist(task.lease === null, 'P3 one lease', () => `${what} while ${task.lease?.attempt} is live`);
    insist(data.attempt === task.attempts + 1, 'I3a attempts rise', () => `${what} after ${task.attempts}`);
    const limit = (task.spec?.max_attempts ?? 0) + task.forgiven;
    insist(data.attempt <= limit, 'I2L attempt limit', () => `${what} of ${limit}`);
    insist(!task.cancelled, 'I10 cancel', () => `${what} after its cancel`);
    insist(timeMs < (task.spec?.not_after_ms ?? Infinity), 'I12 not after', () => what);
    insist(timeMs >= (task.spec?.not_before_ms ?? 0), 'not before', () => what);
    const agent = this.agentOf(tenantId, data.agent_id);
    insist(
      agent !== undefined,
      'I6 tenants',
      () => `${what} leased to ${data.agent_id}, which is not its tenant's`,
    );
    insist(
      agent.standing === 'found' && !agent.draining,
      'I13 admission',
      () => `${what}: ${agent.standing}`,
    );
    agent.leases.set(task.id, task.spec?.requests ?? {});
    insist(isWithin(agent), 'I13 admission', () => `${what}: ${agent.id} is full`);
    if (task.spec?.requests) this.counters.add('requests placed');
    insist(
      !task.spec || suits(agent, task.spec),
      'I13 admission',
      () => `${what}: ${agent.id} does not suit`,
    );
    this.insistAlone(task, agent.id, what);
    task.attempts = data.attempt;
    if (data.attempt > 1) this.counters.add('retry');
    const { agent_id: agentId, attempt, lease_ms: leaseMs } = data;
    task.lease = { agentId, attempt, leasedAtMs: timeMs, leaseMs, started: false };
  }

  private insistAlone(task: TaskModel, agentId: string, what: string): void {
    if (!task.exclusive) return;
    for (const other of this.tasks.values()) {
      if (!other.exclusive || other.lease?.agentId !== agentId || other.tenantId !== task.tenantId) continue;
      insist(false, 'apply lock', () => `${what}: ${other.id} is applied there`);
    }
  }

  private attemptEnded(fact: Fact & { type: 'task.attempt-ended' }, claimedAtMs: number): void {
    const lease = this.currentLease(fact);
    const task = this.live(fact);
    if (fact.data.reason === 'agent_draining') task.forgiven += 1;
    const limit = (task.spec?.max_attempts ?? 0) + task.forgiven;
    insist(
      lease.attempt < limit,
      'I2L attempt limit',
      () => `${task.id} queued again after ${lease.attempt} of ${limit}`,
    );
    insist(!task.cancelled, 'I10 cancel', () => `${task.id} queued again after its cancel`);
    this.runOver(fact, lease, claimedAtMs);
    this.release(task);
  }

  private ended(fact: Fact & { type: 'task.ended' }, claimedAtMs: number): void {
    const { data } = fact;
    const task = this.live(fact);
    if (data.attempt !== undefined) this.runOver(fact, this.currentLease(fact), claimedAtMs);
    else insist(task.lease === null, 'P3 one lease', () => `${task.id} ended beside its lease`);
    if (data.end === 'succeeded') {
      const key = `${task.id}/${task.life}/${data.attempt}`;
      const ran = this.evidence.succeeded(task.tenantId, data.agent_id ?? '', key);
      insist(ran, 'I2x evidence', () => `${key} succeeded, and no agent ran it`);
    }
    const used = data.attempts_used === task.attempts;
    insist(used, 'I3a attempts rise', () => `${task.id} says ${data.attempts_used}, had ${task.attempts}`);
    const wonByRun = data.outcome === 'exited' && data.exit_code === 0;
    insist(
      data.end !== 'cancelled' || !wonByRun,
      'I10 cancel',
      () => `${task.id} succeeded and is cancelled`,
    );
    if (data.end === 'cancelled') this.counters.add('cancelled');
    this.insistPatient(task, fact);
    this.release(task);
    task.end = data.end;
    this.alive -= 1;
  }

  /** A run that came out badly is the end only when no attempt is left, or none could start in time. */
  private insistPatient(
    { id, spec, attempts, forgiven }: TaskModel,
    { data }: Fact & { type: 'task.ended' },
  ): void {
    const isBad = data.end === 'failed' || data.end === 'execution_timed_out' || data.end === 'lost';
    if (!isBad || !spec || spec.not_after_ms !== undefined) return;
    const left = spec.max_attempts + forgiven - attempts;
    insist(left === 0, 'attempts', () => `${id} ${data.end} with ${left} attempts left`);
  }

  private runOver(
    fact: Fact & { type: 'task.attempt-ended' | 'task.ended' },
    lease: LeaseModel,
    claimedAtMs: number,
  ): void {
    const { outcome } = fact.data;
    const key = attemptKey(fact.tenantId, { ...fact.data, attempt: lease.attempt });
    if (outcome === 'interrupted') this.counters.add('interrupted');
    if (outcome === 'undelivered') return;
    if (outcome !== 'lease_expired' || isReport(fact)) {
      this.reported.add(key);
      return;
    }
    this.counters.add('expiry');
    const { leaseMarginMs } = this.scenario.tasksPolicy;
    const overMs = lease.leasedAtMs + lease.leaseMs + leaseMarginMs;
    insist(fact.timeMs >= overMs, 'lease time', () => `${key} expired ${overMs - fact.timeMs} ms early`);
    this.insistPatience(fact.timeMs, claimedAtMs, `${key} expired`);
    if (this.scenario.network.reorder) return;
    const attempt = key.slice(fact.tenantId.length + 1);
    const runs = this.evidence.running(fact.tenantId, lease.agentId, attempt);
    insist(!runs, 'I3s self-fence', () => `${key} expired while its agent runs it in good faith`);
  }

  /** A new owner does not know what the former one granted last. */
  private insistPatience(timeMs: number, claimedAtMs: number, what: string): void {
    const { leaseMs, leaseMarginMs } = this.scenario.tasksPolicy;
    const earlyMs = claimedAtMs + leaseMs + leaseMarginMs - timeMs;
    insist(earlyMs <= 0, 'patience after a takeover', () => `${what} ${earlyMs} ms too early`);
  }

  private cancelRequested(fact: Fact & { type: 'task.cancel-requested' }): void {
    const task = this.live(fact);
    insist(task.lease !== null && !task.cancelled, 'I10 cancel', () => `${task.id} cancelled twice or idle`);
    task.cancelled = true;
  }

  private live(fact: Fact & { data: { task_id: string; life: number } }): TaskModel {
    const { task_id: id, life } = fact.data;
    const task = this.find(fact.tenantId, id);
    insist(
      task !== undefined,
      'I6 tenants',
      () => `${fact.type} of ${fact.tenantId}/${id}, which is not there`,
    );
    insist(task.end === null, 'I2 one end', () => `${fact.type} of ${id} after it ${task.end}`);
    insist(task.life === life, 'I8 one task', () => `${fact.type} of life ${life} of ${id}`);
    return task;
  }

  private currentLease(
    fact: Fact & { data: { task_id: string; life: number; attempt?: number; agent_id?: string } },
  ): LeaseModel {
    const task = this.live(fact);
    const { attempt, agent_id: agentId } = fact.data;
    const { lease } = task;
    const current = lease !== null && lease.attempt === attempt && lease.agentId === agentId;
    insist(current, 'I3c stale report', () => `${fact.type} of ${task.id} attempt ${attempt} by ${agentId}`);
    return lease;
  }

  private release(task: TaskModel): void {
    const agent = task.lease && this.agentOf(task.tenantId, task.lease.agentId);
    agent?.leases.delete(task.id);
    task.lease = null;
  }
}

export function attemptKey(
  tenantId: string,
  key: { readonly task_id: string; readonly life: number; readonly attempt: number },
): string {
  return `${tenantId}/${key.task_id}/${key.life}/${key.attempt}`;
}

/** An agent can say itself that its lease ran out: with times or a text, where the owner's finding has none. */
function isReport({ data }: Fact & { type: 'task.attempt-ended' | 'task.ended' }): boolean {
  return data.started_at_ms !== undefined || data.message !== undefined;
}

function suits(agent: AgentModel, spec: TaskSpec): boolean {
  if (spec.agent_id !== undefined && spec.agent_id !== agent.id) return false;
  if (!isWithin({ ...agent, leases: new Map([['', spec.requests ?? {}]]) })) return false;
  return agent.executors.includes(spec.executor) && matchesSelector(spec.selector, agent.labels);
}

/** No more is asked of it than it has, of what anybody asks for. */
function isWithin({ slots, capacity, leases }: Pick<AgentModel, 'slots' | 'capacity' | 'leases'>): boolean {
  const sum = { slots: 0, cpu: 0, memory: 0 };
  for (const { slots: own = 1, cpu_millis = 0, memory_bytes = 0 } of leases.values()) {
    sum.slots += own;
    sum.cpu += cpu_millis;
    sum.memory += memory_bytes;
  }
  const isInCpu = sum.cpu <= (capacity?.cpu_millis ?? Infinity);
  return sum.slots <= slots && isInCpu && sum.memory <= (capacity?.memory_bytes ?? Infinity);
}
