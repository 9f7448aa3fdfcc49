import { clamp } from '@fluxforge/domain/kernel';
import { backoffMs } from '@fluxforge/domain/retry';
import {
  markTarget,
  releaseAsk,
  roundOf,
  roundsPerEpoch,
  unscheduleCheck,
  type StatesState,
  type Target,
  type Work,
} from '@fluxforge/domain/desired-state';
import { type ReconcilingPolicy } from './policy.js';

/**
 * When a target is checked.
 *   nowhere  not checkable, or not looked at yet
 *   due      in `work.due`, by the time at which it is to be asked
 *   backlog  due, but its agent has as many unanswered checks as it may
 *   asked    in `work.answers`, by the time at which the answer is overdue: then it is due again, in the
 *            next round, so that the late answer is stale
 */

/** Whether an answer could be had and would be of use. */
export function isCheckable(target: Target): boolean {
  const { state } = target;
  if (target.stage === 'requested' || state.suspended || state.deletedAtMs !== null) return false;
  return state.tenant.agents.get(target.agentId)?.standing === 'found';
}

/** Brings a target's place in the schedule in line with what it is now. */
export function arrange(work: Work, target: Target, nowMs: number): void {
  if (!isCheckable(target)) return unscheduleCheck(work, target);
  if (target.askedRound !== 0) {
    if (Math.floor(target.askedRound / roundsPerEpoch) === target.epoch) return;
    // What was asked before the last transition says nothing any more.
    releaseAsk(work, target);
  }
  const agent = target.state.tenant.byAgent.get(target.agentId);
  if (agent?.backlog.has(target)) return;
  const dueMs = work.due.rankOf(target) ?? Infinity;
  const wantedMs = target.soonMs > 0 ? nowMs + (target.spread % target.soonMs) : usualCheckMs(target, nowMs);
  target.soonMs = 0;
  if (wantedMs < dueMs) setDue(work, target, wantedMs);
}

function setDue(work: Work, target: Target, atMs: number): void {
  work.due.set(target, atMs, target.spread);
}

/**
 * The next of a target's places in time: one per interval, spread over it by a hash, the same for every
 * owner. Places are rounded down to a grid, so that the checks of one agent meet in one request.
 */
export function usualCheckMs(target: Target, nowMs: number): number {
  const { interval_ms: intervalMs } = target.state.spec;
  const gridMs = clamp(Math.floor(intervalMs / 20), 1, 1000);
  const offset = target.spread % intervalMs;
  const place = offset - (offset % gridMs);
  const sinceMs = (((nowMs - place) % intervalMs) + intervalMs) % intervalMs;
  return nowMs - sinceMs + intervalMs;
}

/** After a result: at the usual place, or sooner when it said nothing. */
export function scheduleNext(work: Work, target: Target, nowMs: number, policy: ReconcilingPolicy): void {
  releaseAsk(work, target);
  const usualMs = usualCheckMs(target, nowMs);
  const inARow = target.unknowns + target.missed;
  if (inARow === 0) return setDue(work, target, usualMs);
  const seed = `${target.spread}/${inARow}`;
  setDue(work, target, Math.min(usualMs, nowMs + backoffMs(policy.checkRetry, inARow, seed)));
}

/** Unanswered checks: the round rises and they are asked again. Marks the targets; what follows is planned. */
export function expireAnswers(state: StatesState, nowMs: number, policy: ReconcilingPolicy): void {
  const { work } = state;
  while (work.answers.peekRank() <= nowMs) {
    const target = work.answers.peek()!;
    target.timeouts = Math.min(target.timeouts + 1, roundsPerEpoch - 1);
    target.missed += 1;
    scheduleNext(work, target, nowMs, policy);
    markTarget(work, target);
  }
}

/**
 * The dispatcher's partition has a new owner: what was asked of the former one is lost. Asked again after
 * the new one has had a moment to follow requests, and not counted as missed: no agent was silent.
 */
export function askAnew({ work }: StatesState, nowMs: number, policy: ReconcilingPolicy): void {
  while (work.answers.peekRank() < Infinity) {
    const target = work.answers.peek()!;
    releaseAsk(work, target);
    setDue(work, target, nowMs + policy.askAnewMs + (target.spread % policy.askAnewMs));
  }
}

/** Puts a due target among the asked ones, or in the backlog. True when it is to be asked. */
export function ask(work: Work, target: Target, nowMs: number, policy: ReconcilingPolicy): boolean {
  work.due.delete(target);
  const agent = target.state.tenant.byAgent.get(target.agentId);
  if (!agent || !isCheckable(target)) return false;
  if (agent.asked >= policy.checksInFlightPerAgent) {
    agent.backlog.add(target);
    return false;
  }
  agent.backlog.delete(target);
  agent.asked += 1;
  target.askedRound = roundOf(target);
  const marginMs = policy.checkMarginMs * 2 ** Math.min(target.missed, 4);
  work.answers.set(target, nowMs + target.state.spec.check_timeout_ms + marginMs, target.spread);
  return true;
}
