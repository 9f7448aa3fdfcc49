import { picksBefore } from '@fluxforge/domain/scheduling';
import { type TasksContext, type TasksPolicy, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Fact } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

type TasksFact = Parameters<TasksContext['evolve']>[1];
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

  constructor(
    state: TasksState,
    private readonly policy: TasksPolicy,
  ) {
    this.latestMs = state.latestServedMs;
    for (const [tenantId, { share, tenant, tasks }] of state.realms) {
      const { virtualMs, averageRunMs: averageMs, owedMs } = share;
      const weight = tenant.limits.weight ?? 1;
      this.byTenant.set(tenantId, { weight, virtualMs, averageMs, owedMs, passedOver: 0 });
      for (const { id, lease } of tasks.values()) if (lease) this.runs.set(`${tenantId}/${id}`, lease);
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
    if (fact.type === 'tenant.limits-set') account.weight = fact.data.limits.weight ?? 1;
    if (fact.type === 'task.leased') this.leased(account, fact);
    if (fact.type === 'task.ended' || fact.type === 'task.attempt-ended') this.over(account, fact);
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
  const urgency = first.spec.priority * agingMs + first.readyAtMs;
  for (const { id, spec, readyAtMs, group } of tasks.values()) {
    if (!group || group.blocked || group.parkedAt !== null) continue;
    const isLater = spec.priority * agingMs + readyAtMs >= urgency;
    insist(isLater, 'aging', () => `${first.id} is leased before ${id}, which is more urgent by its age`);
  }
}
