import { type EventData, type Fact, type StatesEventBody } from '@fluxforge/events/catalogue';
import { isWindowReason } from '@fluxforge/domain/windows';
import { type Target, type Work } from './model.js';
import { enterEpoch, needsNewFinding, newTargetWithinMs } from './target.js';
import { wantSoon } from './work.js';

type TargetFact = Extract<Fact<StatesEventBody>, { data: { agent_id: string } }>;

/** Folds an event about one target. Findings of another generation are ignored. */
export function evolveTarget(work: Work, target: Target, fact: TargetFact): void {
  enterEpoch(target, ++target.state.epochs);
  switch (fact.type) {
    case 'remediation.withdrawn':
      return withdrawn(work, target, fact.data, fact.timeMs);
    case 'remediation.applied':
      return applied(work, target, fact.data);
    case 'remediation.failed':
      return failed(work, target, fact.data);
    default:
  }
  if (fact.data.generation !== target.state.generation) return;
  switch (fact.type) {
    case 'target.compliant':
    case 'compliance.restored':
      return compliant(target);
    case 'target.unknown':
      target.obscured = true;
      return;
    case 'drift.detected':
      target.finding = 'drifted';
      target.obscured = false;
      target.confirmed = true;
      return;
    case 'remediation.requested':
      return requested(target, fact.data);
    case 'remediation.given-up':
      target.stage = 'given-up';
  }
}

function compliant(target: Target): void {
  target.finding = 'compliant';
  target.obscured = false;
  target.confirmed = false;
  target.stage = 'idle';
  target.remediation = null;
  target.attemptsUsed = 0;
  target.failures = 0;
  target.retryAtMs = 0;
}

function requested(target: Target, data: EventData<'remediation.requested'>): void {
  target.stage = 'requested';
  target.requests = data.attempt;
  target.settling = null;
  target.remediation = {
    taskId: data.task_id,
    generation: data.generation,
    attempt: data.attempt,
    notAfterMs: data.not_after_ms,
    executionTimeoutMs: data.execution_timeout_ms,
  };
}

function isInFlight(target: Target, taskId: string): boolean {
  return target.remediation?.taskId === taskId;
}

function withdrawn(
  work: Work,
  target: Target,
  data: EventData<'remediation.withdrawn'>,
  timeMs: number,
): void {
  if (!isInFlight(target, data.task_id)) return;
  target.stage = 'idle';
  target.remediation = null;
  target.confirmed = false;
  target.settling = { taskId: data.task_id, sinceMs: timeMs };
  wantSoon(work, target, newTargetWithinMs);
}

function applied(work: Work, target: Target, data: EventData<'remediation.applied'>): void {
  if (!isInFlight(target, data.task_id)) return;
  wantSoon(work, target, 1);
  if (data.generation === target.state.generation) {
    target.stage = 'applied';
    return;
  }
  // It came to its end before it could be withdrawn; it says nothing about the present generation.
  target.stage = 'idle';
  target.remediation = null;
}

function failed(work: Work, target: Target, data: EventData<'remediation.failed'>): void {
  if (!isInFlight(target, data.task_id)) return;
  // A check judged this one, so something is known again.
  if (target.stage === 'applied') target.obscured = false;
  target.stage = 'idle';
  target.remediation = null;
  target.confirmed = !needsNewFinding(data.end) && data.generation === target.state.generation;
  if (!target.confirmed) wantSoon(work, target, newTargetWithinMs);
  if (data.generation !== target.state.generation) return;
  // It never began, and the next opening is as good as this one was.
  if (!isWindowReason(data.reason)) target.failures += 1;
  target.retryAtMs = data.retry_at_ms;
  if (data.counted) target.attemptsUsed += 1;
}
