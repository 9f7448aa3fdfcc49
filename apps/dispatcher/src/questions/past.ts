import { presumeOwner, type TasksContext, type TasksState } from '@fluxforge/domain/tasks-context';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import { explanationView } from './explanation-view.js';
import { inSlices, type SliceTools } from './in-slices.js';

/** The answer as of a time, from a state that was folded up to it. */
export async function pastAnswer(
  { tenant_id: tenantId, task_id: taskId }: QuestionOf<'explain-task'>,
  past: TasksState,
  rules: TasksContext,
  atMs: number,
  tools: SliceTools,
) {
  const presumed = presumeOwner(past, rules.policy, tenantId, atMs);
  const why = explanationView(await inSlices(rules.explain(past, tenantId, taskId, atMs), tools));
  if (!why) return null;
  // What runs or has ended is in the log as it is.
  const assumed = why.phase === 'queued' ? presumed : [];
  return { ...why, as_of: new Date(atMs).toISOString(), assumed };
}
