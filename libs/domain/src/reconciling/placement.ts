import { type ReasonCode } from '@fluxforge/events/catalogue';
import { matchesSelector } from '@fluxforge/domain/kernel';
import { windowAt } from '@fluxforge/domain/windows';
import { driftConfirmed, type AgentView, type Target } from '@fluxforge/domain/desired-state';
import { type ReconcilingPolicy } from './policy.js';

/** Every target is in exactly one of these at any time; they are the whole of the reconciler's plan. */
export const buckets = ['match', 'remediate', 'withdraw', 'retry', 'giveUp', 'hold'] as const;
export type Bucket = (typeof buckets)[number];

/** Why a target is where it is: the contract's reason codes, and those that only the plan knows. */
export const planReasons = ['compliant', 'drifted', 'in_flight', 'verifying', 'not_checked'] as const;
export type PlanReason = ReasonCode | (typeof planReasons)[number];

export interface Placement {
  readonly bucket: Bucket;
  readonly reason: PlanReason;
}

const match: Placement = { bucket: 'match', reason: 'compliant' };
const remediate: Placement = { bucket: 'remediate', reason: 'drifted' };
const retry: Placement = { bucket: 'retry', reason: 'drifted' };
const giveUp: Placement = { bucket: 'giveUp', reason: 'attempts_used_up' };

const holds = new Map<PlanReason, Placement>();
export function hold(reason: PlanReason): Placement {
  let found = holds.get(reason);
  if (!found) holds.set(reason, (found = { bucket: 'hold', reason }));
  return found;
}

/** Where a target stands, the state's budgets aside. The order of the rules is what `explain` answers by. */
export function place(target: Target, nowMs: number, policy: ReconcilingPolicy): Placement {
  const { state } = target;
  const agent = state.tenant.agents.get(target.agentId);
  if (target.stage === 'requested') {
    const reason = withdrawalReason(target, agent);
    return reason ? { bucket: 'withdraw', reason } : hold('in_flight');
  }
  if (state.suspended) return hold('state_suspended');
  if (agent?.standing !== 'found') return hold('agent_lost');
  if (target.obscured) return hold('check_unknown');
  if (target.stage === 'applied') return hold('verifying');
  if (target.finding === 'none') return hold('not_checked');
  if (target.finding === 'compliant') return match;
  return placeDrifted(target, agent, nowMs, policy);
}

function placeDrifted(target: Target, agent: AgentView, nowMs: number, policy: ReconcilingPolicy): Placement {
  const { spec } = target.state;
  if (spec.mode === 'check_only' || spec.apply_cmd === undefined) return hold('check_only');
  if (target.stage === 'given-up' || target.attemptsUsed >= spec.attempts) return giveUp;
  if (agent.draining) return hold('agent_draining');
  if (settlesUntilMs(target, agent, policy) > nowMs) return hold('withdrawn');
  if (!driftConfirmed(target)) return hold('not_checked');
  if (target.retryAtMs > nowMs) return hold('backoff');
  // Last: what is shown as held by a window needs nothing but the window to go on.
  const window = windowAt(spec.windows, nowMs);
  if (!window.open) return hold(window.reason);
  return target.failures > 0 ? retry : remediate;
}

/** What takes the ground from under an apply that is in flight, or null. */
export function withdrawalReason(target: Target, agent: AgentView | undefined): ReasonCode | null {
  const { state } = target;
  if (state.deletedAtMs !== null) return 'state_deleted';
  if (target.remediation?.generation !== state.generation) return 'state_changed';
  if (state.suspended) return 'state_suspended';
  if (!agent) return 'agent_removed';
  if (!matchesSelector(state.spec.selector, agent.labels)) return 'selector_no_longer_matches';
  return null;
}

/** Until when a withdrawn apply may still be running; 0 when none is. */
export function settlesUntilMs(
  target: Target,
  agent: AgentView | undefined,
  policy: ReconcilingPolicy,
): number {
  const { settling } = target;
  if (!settling || agent?.ends.has(settling.taskId)) return 0;
  return settling.sinceMs + policy.settleMs;
}
