import { type Agent } from '@fluxforge/domain/agent';
import { Brake } from '@fluxforge/domain/brake';
import { BreakerBook, type Breaker } from '@fluxforge/domain/breakers';
import { ConcurrencyKeys } from '@fluxforge/domain/concurrency';
import { EndedFanouts, newFanoutBook, type Fanout, type FanoutBook } from '@fluxforge/domain/fanout';
import { Fifo, PriorityQueue } from '@fluxforge/domain/kernel';
import {
  normalCluster,
  type ClusterMode,
  type OverloadWatch,
  type TenantOverloadWatch,
} from '@fluxforge/domain/modes';
import { newBucket, noOutput, type OutputHour, type SubmissionBucket } from '@fluxforge/domain/quotas';
import { newFairShare, TenantQueue, type FairShare, type GateRule } from '@fluxforge/domain/scheduling';
import { KeyWindow, SharedSpecs, type EndedTask, type Task } from '@fluxforge/domain/task';
import { newScheduleBook, type Schedule, type ScheduleBook } from '@fluxforge/domain/schedules';
import { type Tenant } from '@fluxforge/domain/tenant';
import { Deadlines } from './deadlines.js';
import { type TasksEffect } from './effects.js';
import { type TasksPolicy } from './policy.js';

/** What holds for all tenants of the partition; each realm has the same one at hand. */
export interface Cluster {
  modes: ClusterMode;
}

/** All of one tenant. Nothing in it is reachable by another's id. */
export interface Realm {
  readonly tenant: Tenant;
  readonly agents: Map<string, Agent>;
  readonly tasks: Map<string, Task>;
  readonly ended: Map<string, EndedTask>;
  readonly specs: SharedSpecs;
  readonly scheduling: ScheduleBook;
  readonly fanouts: FanoutBook;
  readonly queue: TenantQueue;
  /** Derived: by agent, the task whose apply it has to itself now. */
  readonly applies: Map<string, string>;
  readonly cluster: Cluster;
  readonly concurrency: ConcurrencyKeys;
  readonly breakers: BreakerBook;
  readonly brake: Brake;
  submissions: SubmissionBucket | null;
  output: OutputHour;
  /** Derived: the hour in which the next task had no room left in the output quota. */
  outputHeldHourMs: number | null;
  /** Derived: queued tasks that may print more than the tenant may in an hour. Other limits bring them back. */
  readonly oversized: Set<Task>;
  /** Tasks without a lease: what the quota counts. */
  queuedTasks: number;
  /** Of their specs. */
  queuedBytes: number;
  /** Of each priority, 0 to 9. */
  readonly queuedByPriority: number[];
  /** Its account among the tenants of the partition; who has the lowest virtual time is next. */
  readonly share: FairShare;
  readonly order: number;
}

/** Known to this owner only, and gone with it. */
export interface Moment {
  /** Null until `resume`: who does not know when it began can call nothing overdue. */
  tookOverAtMs: number | null;
  /** Connected agents by when they are to be asked for a heartbeat. */
  readonly asks: PriorityQueue<Agent>;
  /** Null until the shell first says how it fares. */
  overload: { readonly partition: OverloadWatch; readonly tenants: TenantOverloadWatch } | null;
  /** What a connection or an answer called for; `pulse` takes it. */
  outbox: TasksEffect[];
  /** Firings of schedules and members of fan-outs since the last lease: many that are due take turns with leases. */
  firedInARow: number;
}

export interface TasksState {
  readonly partition: number;
  readonly realms: Map<string, Realm>;
  readonly cluster: Cluster;
  /** Counters of folds, never reset: they make every order total. */
  nextOrder: number;
  /** The highest virtual time at which any tenant was served. */
  latestServedMs: number;
  lastFactMs: number;
  readonly keys: KeyWindow;
  readonly endedInOrder: Fifo<EndedTask>;
  readonly endedFanouts: EndedFanouts;
  /** From here on all is derived from the above. Realms with something that may fit somewhere. */
  readonly open: PriorityQueue<Realm>;
  /** Realms that are held as a whole, by when the clock lifts that; any change of theirs brings them back to `open`. */
  readonly held: PriorityQueue<Realm>;
  /** Realms with a task that fits nowhere, by when an agent may have to be kept for it. */
  readonly keepTimers: PriorityQueue<Realm>;
  /** Tasks without a lease, of all realms; those that have some. */
  queuedTasks: number;
  readonly busy: Set<Realm>;
  /** Realms that are degraded for the depth of their own queue. */
  readonly overloaded: Set<Realm>;
  /** Realms with tasks that were superseded under their key and still stand. */
  readonly crowded: PriorityQueue<Realm>;
  readonly waiting: PriorityQueue<Task>;
  /** Pinned to an agent that was removed. */
  readonly doomed: PriorityQueue<Task>;
  /** Queued tasks by when they end for want of a start. */
  readonly deadlines: Deadlines;
  /** Leased tasks by a time at or before that of the lease's end: put right when it is reached. */
  readonly leaseTimers: PriorityQueue<Task>;
  /** Agents that are found, by a time at or before that of their loss. */
  readonly agentTimers: PriorityQueue<Agent>;
  /** Breakers that have something to do by their own state or by the clock. */
  readonly breakerTimers: PriorityQueue<Breaker>;
  /** Realms whose agents came or went: their brake is to be looked at. */
  readonly shaken: PriorityQueue<Realm>;
  /** Realms whose brake is on, by when it is let go. */
  readonly brakeTimers: PriorityQueue<Realm>;
  /** Draining agents by when what still runs there is moved. */
  readonly drainTimers: PriorityQueue<Agent>;
  /** Schedules that are not suspended, by when they are to be fired. */
  readonly scheduleTimers: PriorityQueue<Schedule>;
  /** Fan-outs that have something to do now. */
  readonly fanoutsDue: PriorityQueue<Fanout>;
  readonly moment: Moment;
}

export function initialState(partition: number, keys = new KeyWindow()): TasksState {
  return {
    partition,
    realms: new Map(),
    cluster: { modes: normalCluster },
    nextOrder: 1,
    latestServedMs: 0,
    lastFactMs: 0,
    keys,
    endedInOrder: new Fifo(),
    endedFanouts: new EndedFanouts(),
    open: new PriorityQueue(),
    held: new PriorityQueue(),
    keepTimers: new PriorityQueue(),
    queuedTasks: 0,
    busy: new Set(),
    overloaded: new Set(),
    crowded: new PriorityQueue(),
    waiting: new PriorityQueue(),
    doomed: new PriorityQueue(),
    deadlines: new Deadlines(),
    leaseTimers: new PriorityQueue(),
    agentTimers: new PriorityQueue(),
    breakerTimers: new PriorityQueue(),
    shaken: new PriorityQueue(),
    brakeTimers: new PriorityQueue(),
    drainTimers: new PriorityQueue(),
    scheduleTimers: new PriorityQueue(),
    fanoutsDue: new PriorityQueue(),
    moment: { tookOverAtMs: null, asks: new PriorityQueue(), overload: null, outbox: [], firedInARow: 0 },
  };
}

/** `gateRulesOf` gives the rules that read this very realm. */
export function newRealm(
  tenant: Tenant,
  order: number,
  policy: Pick<TasksPolicy, 'agingMs' | 'breakers' | 'keeping'>,
  cluster: Cluster,
  gateRulesOf: (realm: Realm) => readonly GateRule[],
): Realm {
  const agents = new Map<string, Agent>();
  const tasks = new Map<string, Task>();
  const concurrency = new ConcurrencyKeys();
  const realm: Realm = {
    tenant,
    agents,
    tasks,
    ended: new Map(),
    specs: new SharedSpecs(),
    scheduling: newScheduleBook(),
    fanouts: newFanoutBook(order),
    queue: new TenantQueue(
      policy,
      agents,
      tasks,
      () => rules,
      (key) => concurrency.turnOf(key),
    ),
    applies: new Map(),
    cluster,
    concurrency,
    breakers: new BreakerBook(tenant.id, policy.breakers),
    brake: new Brake(),
    submissions: newBucket(tenant.limits, tenant.createdAtMs),
    output: noOutput,
    outputHeldHourMs: null,
    oversized: new Set(),
    queuedTasks: 0,
    queuedBytes: 0,
    queuedByPriority: Array.from({ length: 10 }, () => 0),
    share: newFairShare(),
    order,
  };
  const rules = gateRulesOf(realm);
  return realm;
}

export function agentOf(state: TasksState, tenantId: string, agentId: string): Agent | undefined {
  return state.realms.get(tenantId)?.agents.get(agentId);
}

export function taskOf(state: TasksState, tenantId: string, taskId: string): Task | undefined {
  return state.realms.get(tenantId)?.tasks.get(taskId);
}
