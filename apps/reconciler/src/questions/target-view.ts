import { defaultReconcilingPolicy, explainTarget, type TargetRemedy } from '@fluxforge/domain/reconciling';
import { type StatesState } from '@fluxforge/domain/desired-state';
import { type QuestionOf } from '@fluxforge/events/owner-questions';

type Explanation = NonNullable<ReturnType<typeof explainTarget>>;

/** Null: there is no such target. */
export function targetAnswer(question: QuestionOf<'explain-target'>, state: StatesState, nowMs: number) {
  const at = { tenantId: question.tenant_id, stateId: question.state_id, agentId: question.agent_id };
  const why = explainTarget(state, at, nowMs, defaultReconcilingPolicy);
  return why && targetView(why);
}

/** The same as of a time, from a state that was folded up to it. */
export function pastTargetAnswer(question: QuestionOf<'explain-target'>, past: StatesState, atMs: number) {
  const why = targetAnswer(question, past, atMs);
  return why && { ...why, as_of: new Date(atMs).toISOString() };
}

/** As users see it: their field names, times as text. */
function targetView(why: Explanation) {
  return {
    bucket: why.bucket,
    reason: why.reason,
    held_until: time(why.heldUntilMs),
    next_check_at: time(why.nextCheckMs),
    agent_standing: why.agentStanding,
    generation: why.generation,
    attempts_used: why.attemptsUsed,
    attempts: why.attempts,
    task_id: why.taskId,
    in_flight: why.inFlight,
    given_up: why.givenUp,
    remedies: why.remedies.map(remedyView),
  };
}

function remedyView(remedy: TargetRemedy) {
  switch (remedy.kind) {
    case 'wait-until':
      return { kind: remedy.kind, at: time(remedy.atMs) };
    case 'end-task':
      return { kind: remedy.kind, task_id: remedy.taskId };
    case 'connect-agent':
    case 'undrain-agent':
      return { kind: remedy.kind, agent_id: remedy.agentId };
    case 'finish-applies':
    case 'mend-agents':
      return { kind: remedy.kind, agent_ids: remedy.agentIds, more: remedy.more };
    case 'enforce-state':
      return { kind: remedy.kind, mode: remedy.mode, needs_apply_cmd: remedy.needsApplyCmd };
    case 'none-needed':
    case 'await-check':
    case 'resume-state':
    case 'change-state':
      return remedy;
  }
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
