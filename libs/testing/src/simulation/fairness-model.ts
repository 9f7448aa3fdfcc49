import { picksBefore } from '@fluxforge/domain/scheduling';
import { type TasksContext, type TasksPolicy, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Fact, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

type TasksFact = Parameters<TasksContext['evolve']>[1];
type Task = Realm['tasks'] extends ReadonlyMap<string, infer T> ? T : never;
type Realm = TasksState['realms'] extends Map<string, infer R> ? R : never;
type Leased = Extract<ReturnType<TasksContext['plan']>[number], { type: 'task.leased' }>;

interface Account {
  weight: number;
  virtualMs: number;
  averageMs: number;
  owedMs: number;
  /** Leases of others since it could have had one. */
  passedOver: number;
}

/**
 * The accounts of the tenants of one state, kept from its facts by the formulas of the decision record and not by
 * the code that they are to judge. A state from a snapshot begins with what the snapshot says.
 */
class Accounts {
  readonly byTenant = new Map<string, Account>();
  private readonly runs = new Map<string, { readonly leasedAtMs: number; readonly estimateMs: number }>();
  private latestMs: number;
  readonly turns = new Map<string, number>();
  private readonly liveOfKey = new Map<string, Set<string>>();
  private readonly keyOf = new Map<string, { readonly name: string; readonly takesTurns: boolean }>();
  private turnsGiven: number;

  constructor(
    state: TasksState,
    private readonly policy: TasksPolicy,
  ) {
    this.latestMs = state.latestServedMs;
    this.turnsGiven = 0;
    for (const [tenantId, realm] of state.realms) {
      const { share, tenant, tasks } = realm;
      const { virtualMs, averageRunMs: averageMs, owedMs } = share;
      const weight = tenant.limits.weight ?? 1;
      this.byTenant.set(tenantId, { weight, virtualMs, averageMs, owedMs, passedOver: 0 });
      for (const { id, lease } of tasks.values()) if (lease) this.runs.set(`${tenantId}/${id}`, lease);
      this.knowKeys(tenantId, realm);
    }
  }

  private knowKeys(tenantId: string, { concurrency, tasks }: Realm): void {
    const image = concurrency.image();
    this.turnsGiven = Math.max(this.turnsGiven, image.turns);
    for (const [key, turn] of image.of) this.turns.set(`${tenantId}/${key}`, turn);
    for (const { id, spec } of tasks.values()) {
      if (!spec.concurrency) continue;
      const name = `${tenantId}/${spec.concurrency.key}`;
      this.liveOfKey.set(name, (this.liveOfKey.get(name) ?? new Set()).add(id));
      this.keyOf.set(`${tenantId}/${id}`, { name, takesTurns: takesTurns(spec) });
    }
  }

  chargeMs({ averageMs, owedMs }: Account): number {
    const { minChargeMs, maxLeadMs } = this.policy.fairness;
    return Math.min(Math.max(minChargeMs, Math.round(averageMs + owedMs)), 10 * maxLeadMs);
  }

  fold(fact: TasksFact): void {
    const { tenantId } = fact;
    if (fact.type === 'tenant.created' && !this.byTenant.has(tenantId)) {
      const weight = fact.data.limits.weight ?? 1;
      this.byTenant.set(tenantId, { weight, virtualMs: 0, averageMs: 0, owedMs: 0, passedOver: 0 });
    }
    const account = this.byTenant.get(tenantId);
    if (!account) return;
    this.turnKeys(fact);
    if (fact.type === 'tenant.limits-set') account.weight = fact.data.limits.weight ?? 1;
    if (fact.type === 'task.leased') this.leased(account, fact);
    if (fact.type === 'task.ended' || fact.type === 'task.attempt-ended') this.over(account, fact);
  }

  /** A key is behind all others when it is new, and again with each lease of it that takes turns. */
  private turnKeys(fact: TasksFact): void {
    if (fact.type === 'task.queued' && fact.data.spec.concurrency) {
      const { key, strategy } = fact.data.spec.concurrency;
      const name = `${fact.tenantId}/${key}`;
      const live = this.liveOfKey.get(name) ?? new Set();
      if (live.size === 0) this.turns.set(name, ++this.turnsGiven);
      this.liveOfKey.set(name, live.add(fact.data.task_id));
      this.keyOf.set(`${fact.tenantId}/${fact.data.task_id}`, {
        name,
        takesTurns: strategy === 'round-robin',
      });
    }
    if (fact.type !== 'task.leased' && fact.type !== 'task.ended') return;
    const key = this.keyOf.get(`${fact.tenantId}/${fact.data.task_id}`);
    if (!key) return;
    if (fact.type === 'task.ended') this.liveOfKey.get(key.name)?.delete(fact.data.task_id);
    else if (key.takesTurns) this.turns.set(key.name, ++this.turnsGiven);
  }

  private leased(account: Account, { tenantId, timeMs, data }: Fact & { type: 'task.leased' }): void {
    const { minChargeMs, maxLeadMs } = this.policy.fairness;
    const chargedMs = this.chargeMs(account);
    const estimateMs = Math.round(account.averageMs);
    const startMs = Math.max(account.virtualMs, this.latestMs - maxLeadMs);
    this.latestMs = Math.max(this.latestMs, startMs);
    const ledMs = Math.min(startMs + chargedMs / account.weight, this.latestMs + maxLeadMs);
    account.virtualMs = Math.max(ledMs, startMs + minChargeMs / account.weight);
    account.owedMs = this.bounded(account.owedMs + estimateMs - chargedMs);
    this.runs.set(`${tenantId}/${data.task_id}`, { leasedAtMs: timeMs, estimateMs });
  }

  private over(account: Account, fact: Fact & { type: 'task.ended' | 'task.attempt-ended' }): void {
    const run = this.runs.get(`${fact.tenantId}/${fact.data.task_id}`);
    if (!run) return;
    this.runs.delete(`${fact.tenantId}/${fact.data.task_id}`);
    const usedMs = Math.max(0, fact.timeMs - run.leasedAtMs);
    account.owedMs = this.bounded(account.owedMs + usedMs - run.estimateMs);
    account.averageMs += (usedMs - account.averageMs) / 8;
  }

  private bounded(owedMs: number): number {
    const most = 10 * this.policy.fairness.maxLeadMs;
    return Math.max(-most, Math.min(most, owedMs));
  }
}

/** Of numbers that were added up in another order. */
const slackMs = 1e-6;

/** The context as hosts run it, each lease held against the turn of the tenant and of the task. */
export function withFairness(context: TasksContext, counters: Counters): TasksContext {
  const known = new WeakMap<TasksState, Accounts>();
  const accountsOf = (state: TasksState): Accounts => {
    let accounts = known.get(state);
    if (!accounts) known.set(state, (accounts = new Accounts(state, context.policy)));
    return accounts;
  };
  return {
    ...context,
    evolve: (state, fact) => {
      accountsOf(state).fold(fact);
      context.evolve(state, fact);
    },
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      for (const event of events) {
        if (event.type !== 'task.leased') continue;
        insistTurnOfTenant(state, accountsOf(state), context.policy, event, counters);
        insistTurnOfTask(state, context.policy, event);
        insistTurnOfKey(state, accountsOf(state), event, counters);
      }
      return events;
    },
  };
}

/** No tenant that may have had a task that fits stands before the one that is served, or waits beyond the bound. */
function insistTurnOfTenant(
  state: TasksState,
  accounts: Accounts,
  { fairness }: TasksPolicy,
  { tenantId, data }: Leased,
  counters: Counters,
): void {
  const served = accounts.byTenant.get(tenantId);
  if (!served) return;
  const chargedMs = accounts.chargeMs(served);
  const saysMs = data.decision.charged_ms;
  insist(saysMs === chargedMs, 'fairness', () => `${tenantId} is charged ${saysMs} ms, not ${chargedMs}`);
  for (const [otherId, other] of accounts.byTenant) {
    const realm = state.realms.get(otherId);
    if (other === served || !realm || !state.open.has(realm)) {
      other.passedOver = 0;
      continue;
    }
    counters.add('turn between tenants');
    const isBehind = other.virtualMs < served.virtualMs - slackMs;
    insist(!isBehind, 'fairness', () => `${tenantId} is served at ${served.virtualMs} before ${otherId}`);
    other.passedOver += 1;
    const rivals = [...accounts.byTenant.values()].filter((one) => one !== other).map((one) => one.weight);
    const bound = picksBefore(rivals, other.weight, fairness);
    insist(other.passedOver <= bound, 'fairness', () => `${otherId} was passed over ${bound} times`);
  }
}

/** No ready task of the tenant that may fit is more urgent, its age counted. */
function insistTurnOfTask(state: TasksState, { agingMs }: TasksPolicy, { tenantId, data }: Leased): void {
  const tasks = state.realms.get(tenantId)?.tasks;
  const first = tasks?.get(data.task_id);
  if (!tasks || !first) return;
  const urgencyOf = (task: Task): number => task.spec.priority * agingMs + task.readyAtMs;
  const open = [...tasks.values()].filter(
    ({ lane }) => lane && !lane.group.blocked && lane.parkedAt === null,
  );
  // Keys that take turns share the place of their most urgent task; whose turn it is, is held elsewhere.
  const isRobin = takesTurns(first.spec);
  const rivals = isRobin ? open.filter(({ spec }) => takesTurns(spec)) : [first];
  const urgency = Math.min(...rivals.map(urgencyOf));
  for (const task of open) {
    const { id } = task;
    const isSameKey = task.spec.concurrency?.key === first.spec.concurrency?.key;
    const isSameTurn = isRobin && takesTurns(task.spec) && isSameKey;
    const isLater = urgencyOf(task) >= (isSameTurn ? urgencyOf(first) : urgency);
    insist(isLater, 'aging', () => `${first.id} is leased before ${id}, which is more urgent by its age`);
  }
}

/** No other key that takes turns, and of which a task may fit, has waited longer. */
function insistTurnOfKey(
  state: TasksState,
  { turns }: Accounts,
  { tenantId, data }: Leased,
  counters: Counters,
): void {
  const tasks = state.realms.get(tenantId)?.tasks;
  const first = tasks?.get(data.task_id);
  if (!tasks || !first || !takesTurns(first.spec)) return;
  const turn = turns.get(`${tenantId}/${first.spec.concurrency?.key}`) ?? 0;
  for (const { id, spec, lane } of tasks.values()) {
    if (!takesTurns(spec) || !lane || lane.group.blocked || lane.parkedAt !== null) continue;
    const other = turns.get(`${tenantId}/${spec.concurrency?.key}`) ?? 0;
    if (other !== turn) counters.add('turn between keys');
    insist(other >= turn, 'turns of keys', () => `${first.id} is leased before ${id}, whose key comes first`);
  }
}

function takesTurns(spec: TaskSpec): boolean {
  return spec.concurrency?.strategy === 'round-robin';
}
