import { type CheckResult, type Decided, type ReasonCode } from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import {
  findTarget,
  markTarget,
  roundOf,
  type OwnBody,
  type StatesState,
  type Target,
} from '@fluxforge/domain/desired-state';
import { isCheckable, scheduleNext } from './check-schedule.js';
import { type ReconcilingPolicy } from './policy.js';
import { failed } from './remediation.js';

/** What agents say to the states context. Telemetry: it may be lost, late, twice or out of order. */
export interface ReconcilerMessage {
  readonly kind: 'check-result';
  readonly tenantId: string;
  readonly agentId: string;
  readonly result: CheckResult;
}

export type Verdict = 'compliant' | 'drifted' | 'unknown';

/** 126 and 127 are the shell's: the command could not be run or was not found, so it never looked. */
export function verdictOf(result: CheckResult): Verdict {
  const { outcome, exit_code: code } = result;
  if (outcome !== 'exited' || code === undefined || code === 126 || code === 127) return 'unknown';
  return code === 0 ? 'compliant' : 'drifted';
}

/** The target that a result is about, if it is about its present generation and round. */
function currentTarget(state: StatesState, message: ReconcilerMessage): Target | null {
  const { result } = message;
  const target = findTarget(state, message.tenantId, result.state_id, message.agentId);
  if (!target || !isCheckable(target)) return null;
  if (result.generation !== target.state.generation || result.round !== roundOf(target)) return null;
  return target;
}

/** Takes in what is momentary: that the check was answered, and when the next is due. */
export function observeResult(
  state: StatesState,
  message: ReconcilerMessage,
  nowMs: number,
  policy: ReconcilingPolicy,
): void {
  const target = currentTarget(state, message);
  if (!target) return;
  const verdict = verdictOf(message.result);
  target.missed = 0;
  target.unknowns = verdict === 'unknown' ? target.unknowns + 1 : 0;
  scheduleNext(state.work, target, nowMs, policy);
  if (verdict !== 'drifted' || target.finding !== 'drifted') return;
  // No transition, so no event; but the drift has been seen again after an apply that went wrong.
  target.driftSeenEpoch = target.epoch;
  markTarget(state.work, target);
}

/** The events of a result: transitions only. What is as it was is telemetry. */
export function decideResult(
  state: StatesState,
  message: ReconcilerMessage,
  nowMs: number,
  policy: ReconcilingPolicy,
): Decided<OwnBody>[] {
  const target = currentTarget(state, message);
  if (!target) return [];
  switch (verdictOf(message.result)) {
    case 'compliant':
      return foundCompliant(target, message.result);
    case 'drifted':
      return foundDrifted(target, message.result, nowMs);
    case 'unknown':
      return foundNothing(target, message.result, policy);
  }
}

function finding(target: Target, result: CheckResult) {
  const { outcome, exit_code: code, signal, output_tail: tail } = result;
  return {
    ...about(target),
    outcome,
    ...(code === undefined ? {} : { exit_code: code }),
    ...(signal === undefined ? {} : { signal }),
    ...(tail === undefined ? {} : { output_tail: tail }),
  };
}

function about(target: Target) {
  const { state, agentId } = target;
  return {
    state_id: state.id,
    agent_id: agentId,
    generation: state.generation,
    round: roundOf(target),
  };
}

function foundCompliant(target: Target, result: CheckResult): Decided<OwnBody>[] {
  const { state } = target;
  if (target.finding === 'drifted') {
    const attemptsUsed = target.attemptsUsed + (target.stage === 'applied' ? 1 : 0);
    const data = { ...finding(target, result), attempts_used: attemptsUsed };
    return [decided('compliance.restored', state.tenant.id, state.id, data)];
  }
  if (target.finding === 'compliant' && !target.obscured) return [];
  return [decided('target.compliant', state.tenant.id, state.id, finding(target, result))];
}

function foundDrifted(target: Target, result: CheckResult, nowMs: number): Decided<OwnBody>[] {
  const { state } = target;
  if (target.stage === 'applied' && target.remediation) {
    const how = { end: 'succeeded', reason: 'exit_nonzero', counted: true } as const;
    return [failed(target, target.remediation, how, nowMs)];
  }
  if (target.finding === 'drifted' && !target.obscured) return [];
  return [decided('drift.detected', state.tenant.id, state.id, finding(target, result))];
}

/** Never a reason to apply. What is known stays known until this has happened a few times in a row. */
function foundNothing(target: Target, result: CheckResult, policy: ReconcilingPolicy): Decided<OwnBody>[] {
  if (target.obscured || knowsDrift(target)) return [];
  if (target.finding !== 'none' && target.unknowns < policy.unknownsUntilUnknown) return [];
  return [unknownTarget(target, 'check_unknown', result)];
}

/** A drift that no apply has touched since stays what is known, whatever later checks fail to say. */
function knowsDrift(target: Target): boolean {
  return target.finding === 'drifted' && target.stage !== 'applied';
}

/** Checks that nobody answers say as little as those that fail. */
export function isSilent(target: Target, policy: ReconcilingPolicy): boolean {
  return target.missed >= policy.missesUntilUnknown && !target.obscured && !knowsDrift(target);
}

export function unknownTarget(target: Target, reason: ReasonCode, result?: CheckResult): Decided<OwnBody> {
  const { state } = target;
  const code = result?.exit_code;
  return decided('target.unknown', state.tenant.id, state.id, {
    ...about(target),
    reason,
    ...(result === undefined ? {} : { outcome: result.outcome }),
    ...(code === undefined ? {} : { exit_code: code }),
  });
}
