import {
  findTarget,
  type DesiredState,
  type StatesState,
  type Target,
} from '@fluxforge/domain/desired-state';
import { isWindowReason, windowAt } from '@fluxforge/domain/windows';
import { freePlaces, maxGivenUp, maxOccupied, spentBudget } from './budgets.js';
import { buckets, hold, place, settlesUntilMs, type Bucket, type Placement } from './placement.js';
import { type ReconcilingPolicy } from './policy.js';
import { answerByMs, remediationTaskId } from './remediation.js';
import { targetRemedies, type TargetRemedy } from './remedies.js';

export interface Placed extends Placement {
  readonly agentId: string;
}

export type Plan = Readonly<Record<Bucket, readonly Placed[]>>;

/** The whole plan of one state at one moment, by bucket. A reading: for people, tests and measures. */
export function planOf(desired: DesiredState, nowMs: number, policy: ReconcilingPolicy): Plan {
  const plan = Object.fromEntries(buckets.map((bucket) => [bucket, [] as Placed[]])) as Record<
    Bucket,
    Placed[]
  >;
  let places = freePlaces(desired);
  for (const target of desired.targets.values()) {
    let placement = place(target, nowMs, policy);
    if (wantsApply(placement)) {
      if (places > 0) places -= 1;
      else placement = hold(spentBudget(desired) ?? 'max_concurrency');
    }
    plan[placement.bucket].push({ ...placement, agentId: target.agentId });
  }
  return plan;
}

function wantsApply(placement: Placement): boolean {
  return placement.bucket === 'remediate' || placement.bucket === 'retry';
}

/** What a new owner of the partition begins to count anew. */
export interface CheckStanding {
  /** Asked for, and not answered yet. */
  readonly isAsked: boolean;
  /** In a row: requests that were not answered, and results that do not say whether it is compliant. */
  readonly unanswered: number;
  readonly unclear: number;
}

export interface Explanation extends Placement {
  readonly agentStanding: 'enrolled' | 'found' | 'lost' | 'removed';
  readonly generation: number;
  readonly attemptsUsed: number;
  readonly attempts: number;
  /** Set while an apply is in flight or not verified yet. */
  readonly taskId: string | null;
  /** Of the last apply of this generation, whatever became of it. */
  readonly lastTaskId: string | null;
  /** When the clock lifts the hold, if it does. */
  readonly heldUntilMs: number | null;
  readonly nextCheckMs: number | null;
  readonly check: CheckStanding;
  readonly inFlight: { readonly now: number; readonly max: number };
  readonly givenUp: { readonly now: number; readonly max: number };
  readonly remedies: readonly TargetRemedy[];
}

/** Which rule decides about a target now; null when there is no such target. */
export function explainTarget(
  state: StatesState,
  at: { readonly tenantId: string; readonly stateId: string; readonly agentId: string },
  nowMs: number,
  policy: ReconcilingPolicy,
): Explanation | null {
  const target = findTarget(state, at.tenantId, at.stateId, at.agentId);
  if (!target) return null;
  const desired = target.state;
  const placement = place(target, nowMs, policy);
  const spent = wantsApply(placement) ? spentBudget(desired) : null;
  const shown = spent ? hold(spent) : placement;
  const untilMs = heldUntilMs(target, placement, nowMs, policy);
  const clock = {
    heldUntilMs: untilMs,
    answerByMs: target.remediation && answerByMs(target.remediation, policy),
  };
  return {
    ...shown,
    agentStanding: desired.tenant.agents.get(at.agentId)?.standing ?? 'removed',
    generation: desired.generation,
    attemptsUsed: target.attemptsUsed,
    attempts: desired.spec.attempts,
    taskId: target.remediation?.taskId ?? null,
    lastTaskId: lastTaskId(target),
    heldUntilMs: untilMs,
    nextCheckMs: state.work.due.rankOf(target) ?? null,
    check: { isAsked: target.askedRound !== 0, unanswered: target.missed, unclear: target.unknowns },
    inFlight: { now: desired.occupied, max: maxOccupied(desired) },
    givenUp: { now: desired.givenUp, max: maxGivenUp(desired) },
    remedies: targetRemedies(target, shown.reason, clock),
  };
}

function lastTaskId(target: Target): string | null {
  const { requests, remediation, state } = target;
  if (remediation) return remediation.taskId;
  return requests === 0 ? null : remediationTaskId(target, state.generation, requests);
}

function heldUntilMs(
  target: Target,
  placement: Placement,
  nowMs: number,
  policy: ReconcilingPolicy,
): number | null {
  if (placement.reason === 'backoff') return target.retryAtMs;
  if (isWindowReason(placement.reason)) {
    const { untilMs } = windowAt(target.state.spec.windows, nowMs);
    return Number.isFinite(untilMs) ? untilMs : null;
  }
  if (placement.reason !== 'withdrawn') return null;
  return settlesUntilMs(target, target.state.tenant.agents.get(target.agentId), policy);
}

export interface DueStats {
  readonly states: number;
  readonly targets: number;
  readonly scheduledChecks: number;
  readonly askedChecks: number;
  /** How long the check that is due longest has been due. */
  readonly overdueMs: number;
  readonly remediationsInFlight: number;
  readonly remediationsReady: number;
  readonly givenUp: number;
}

/** For gauges. Costs one look at each state, none at targets. */
export function dueStats(state: StatesState, nowMs: number): DueStats {
  const sum = { states: 0, targets: 0, remediationsInFlight: 0, remediationsReady: 0, givenUp: 0 };
  for (const tenant of state.tenants.values()) {
    for (const desired of tenant.states.values()) {
      sum.states += 1;
      sum.targets += desired.targets.size;
      sum.remediationsInFlight += desired.occupied;
      sum.remediationsReady += desired.ready.size;
      sum.givenUp += desired.givenUp;
    }
  }
  const { due, answers } = state.work;
  const overdueMs = Math.max(0, nowMs - Math.min(due.peekRank(), nowMs));
  return { ...sum, scheduledChecks: due.size, askedChecks: answers.size, overdueMs };
}
