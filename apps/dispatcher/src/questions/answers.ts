import {
  quarantinesOf,
  queueDepthOf,
  queueIn,
  type TasksContext,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { NotLedHere, type Question } from '@fluxforge/events/owner-questions';
import { explanationView } from './explanation-view.js';
import { inSlices, type SliceTools } from './in-slices.js';
import { runSimulation } from './simulation.js';
import { quarantinesView } from './quarantines-view.js';
import { depthView, queueView } from './queue-view.js';

/** A JSON value for users, or a promise of one; null when there is nothing of that name. Changes nothing. */
export function answerTo(
  question: Question,
  state: TasksState,
  rules: TasksContext,
  tools: SliceTools,
  pulse: PartitionPulse,
): unknown {
  const { tenant_id: tenantId } = question;
  switch (question.kind) {
    case 'explain-task':
      return explained(rules.explain(state, tenantId, question.task_id, tools.nowMs()), tools);
    case 'queue':
      return queueNow(state, tenantId, tools);
    case 'queue-depth': {
      const depth = queueDepthOf(state, tenantId);
      return depth && { ...depthView(depth), pulse };
    }
    case 'breakers': {
      const found = quarantinesOf(state, tenantId);
      return found && quarantinesView(found);
    }
    case 'simulate':
      return runSimulation(question, state, rules.policy, tools);
    default:
      throw new NotLedHere();
  }
}

async function explained(steps: ReturnType<TasksContext['explain']>, tools: SliceTools) {
  return explanationView(await inSlices(steps, tools));
}

async function queueNow(state: TasksState, tenantId: string, tools: SliceTools) {
  const queue = await inSlices(queueIn(state, tenantId, tools.nowMs()), tools);
  return queue && queueView(queue, queue.oldestReadySinceMs, tools.nowMs());
}
