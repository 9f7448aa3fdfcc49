import { type StatesState } from '@fluxforge/domain/desired-state';
import { formatBudget, formatSelector } from '@fluxforge/domain/kernel';
import {
  defaultReconcilingPolicy,
  explainTarget,
  type StateChange,
  type TargetRemedy,
} from '@fluxforge/domain/reconciling';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import { targetSentence } from './target-sentence.js';

type Explanation = NonNullable<ReturnType<typeof explainTarget>>;

type Asked = QuestionOf<'explain-target'>;

/** `absent`: why there is no such target. */
export function targetAnswer(question: Asked, state: StatesState, nowMs: number) {
  const at = { tenantId: question.tenant_id, stateId: question.state_id, agentId: question.agent_id };
  const why = explainTarget(state, at, nowMs, defaultReconcilingPolicy);
  return why ? targetView(why, at.agentId) : { absent: absence(question, state) };
}

function absence({ tenant_id: tenantId, state_id: stateId, agent_id: agentId }: Asked, state: StatesState) {
  const tenant = state.tenants.get(tenantId);
  const desired = tenant?.states.get(stateId);
  const agent = tenant?.agents.get(agentId);
  if (!desired) return `There is no state ${stateId}.`;
  if (!agent) return `There is no agent ${agentId}.`;
  const labels = Object.entries(agent.labels).map(([key, value]) => `${key}=${value}`);
  const has = labels.length === 0 ? 'has no labels' : `has the labels ${labels.join(',')}`;
  const wanted = formatSelector(desired.spec.selector);
  return `State ${stateId} is not for agent ${agentId}: it selects ${wanted}, and the agent ${has}.`;
}

/** The same as of a time, from a state that was folded up to it. */
export function pastTargetAnswer(question: Asked, past: StatesState, atMs: number) {
  return { ...targetAnswer(question, past, atMs), as_of: new Date(atMs).toISOString() };
}

/** As users see it: their field names, times as text. */
function targetView(why: Explanation, agentId: string) {
  return {
    bucket: why.bucket,
    reason: why.reason,
    message: targetSentence(why, agentId),
    held_until: time(why.heldUntilMs),
    next_check_at: time(why.nextCheckMs),
    check_asked: why.check.isAsked,
    unanswered_checks: why.check.unanswered,
    unclear_checks: why.check.unclear,
    agent_standing: why.agentStanding,
    generation: why.generation,
    attempts_used: why.attemptsUsed,
    attempts: why.attempts,
    task_id: why.taskId,
    last_task_id: why.lastTaskId,
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
      return remedy;
    case 'change-state':
      return { kind: remedy.kind, change: changeView(remedy.change) };
  }
}

/** As a state's fields are written. */
function changeView({ max_concurrency: atOnce, max_failures: failures, ...change }: StateChange) {
  return {
    ...change,
    ...(atOnce && { max_concurrency: formatBudget(atOnce) }),
    ...(failures && { max_failures: formatBudget(failures) }),
  };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
