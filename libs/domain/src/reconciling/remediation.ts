import { type Decided, type ReasonCode, type TaskEnd } from '@fluxforge/events/catalogue';
import { decided, hashHex } from '@fluxforge/domain/kernel';
import { backoffMs } from '@fluxforge/domain/retry';
import { type OwnBody, type Remediation, type Target } from '@fluxforge/domain/desired-state';
import { isWindowReason, windowAt, type WindowReason } from '@fluxforge/domain/windows';
import { type ReconcilingPolicy } from './policy.js';

/**
 * The same request gives the same id, whoever makes it; no two requests share one. Ids may be long, so
 * state and agent are hashed, with what tells this life of the state and this membership of the agent from
 * earlier ones, in which attempts were counted from 1 as well.
 */
export function remediationTaskId(target: Target, generation: number, attempt: number): string {
  const { state, agentId, born } = target;
  const name = hashHex(JSON.stringify([state.tenant.id, state.id, state.declaredAtMs, agentId, born]));
  return `rem-${name}-${generation}-${attempt}`;
}

export function requestBytes(target: Target): number {
  const { apply_cmd: command, env } = target.state.spec;
  return 800 + JSON.stringify([command, env ?? null]).length;
}

export function request(target: Target, nowMs: number, policy: ReconcilingPolicy): Decided<OwnBody> {
  const { state } = target;
  const { spec } = state;
  const attempt = target.requests + 1;
  return decided('remediation.requested', state.tenant.id, state.id, {
    state_id: state.id,
    agent_id: target.agentId,
    generation: state.generation,
    attempt,
    task_id: remediationTaskId(target, state.generation, attempt),
    command: spec.apply_cmd ?? 'true',
    ...surroundings(target),
    priority: spec.priority,
    execution_timeout_ms: spec.apply_timeout_ms,
    // Its task may wait in the queue: it never begins after the opening in which it was asked for.
    not_after_ms: Math.min(nowMs + policy.remediationWindowMs, windowAt(spec.windows, nowMs).untilMs),
    ...(spec.exclusive === false && { exclusive: false }),
  });
}

/** How a command of the state is run on the machine. */
export function surroundings(target: Target) {
  const { env, cwd, run_as: runAs } = target.state.spec;
  return {
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(runAs === undefined ? {} : { run_as: runAs }),
  };
}

function about(target: Target, remediation: Remediation) {
  return {
    state_id: target.state.id,
    agent_id: target.agentId,
    generation: remediation.generation,
    attempt: remediation.attempt,
    task_id: remediation.taskId,
  };
}

export function withdraw(target: Target, remediation: Remediation, reason: ReasonCode): Decided<OwnBody> {
  const { state } = target;
  const data = { ...about(target, remediation), reason };
  return decided('remediation.withdrawn', state.tenant.id, state.id, data);
}

/** When the end of an apply must have been heard of: it starts within its window and runs a bounded time. */
export function answerByMs(remediation: Remediation, policy: ReconcilingPolicy): number {
  return remediation.notAfterMs + remediation.executionTimeoutMs + policy.answerMarginMs;
}

/** What the end of its task means for a remediation. Only a run that failed uses up an attempt. */
export function answered(
  target: Target,
  remediation: Remediation,
  result: { readonly end: TaskEnd; readonly reason: ReasonCode },
  nowMs: number,
): Decided<OwnBody> {
  const { state } = target;
  if (result.end === 'succeeded') {
    return decided('remediation.applied', state.tenant.id, state.id, about(target, remediation));
  }
  const shut = result.end === 'expired' ? shutBy(target, remediation) : null;
  if (shut) return failed(target, remediation, { end: 'expired', reason: shut, counted: false }, nowMs);
  const counted = result.end === 'failed' || result.end === 'execution_timed_out';
  return failed(target, remediation, { ...result, counted }, nowMs);
}

/** The window that shut before the apply began, or null. */
function shutBy({ state }: Target, { generation, notAfterMs }: Remediation): WindowReason | null {
  if (generation !== state.generation) return null;
  const window = windowAt(state.spec.windows, notAfterMs);
  return window.open ? null : window.reason;
}

export function failed(
  target: Target,
  remediation: Remediation,
  how: { readonly end?: TaskEnd; readonly reason: ReasonCode; readonly counted: boolean },
  nowMs: number,
): Decided<OwnBody> {
  const { state } = target;
  const seed = remediation.taskId;
  // After a window there is nothing to back off from: it opens when it opens.
  const delayMs = isWindowReason(how.reason) ? 0 : backoffMs(state.spec.backoff, target.failures + 1, seed);
  return decided('remediation.failed', state.tenant.id, state.id, {
    ...about(target, remediation),
    ...(how.end === undefined ? {} : { end: how.end }),
    reason: how.reason,
    counted: how.counted,
    retry_at_ms: nowMs + delayMs,
  });
}

export function giveUp(target: Target): Decided<OwnBody> {
  const { state } = target;
  return decided('remediation.given-up', state.tenant.id, state.id, {
    state_id: state.id,
    agent_id: target.agentId,
    generation: state.generation,
    attempts_used: target.attemptsUsed,
    reason: 'attempts_used_up',
  });
}
