import {
  quarantinesOf,
  queueDepthOf,
  queueOf,
  type TasksContext,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { NotLedHere, type Question, type Slices } from '@fluxforge/events/owner-questions';
import { explanationView } from './explanation-view.js';
import { runSimulation } from './simulation.js';
import { quarantinesView } from './quarantines-view.js';
import { depthView, queueView } from './queue-view.js';

/** A JSON value for users, or a promise of one; null when there is nothing of that name. Changes nothing. */
export function answerTo(
  question: Question,
  state: TasksState,
  rules: TasksContext,
  { nowMs, slices }: { readonly nowMs: () => number; readonly slices: Slices },
  pulse: PartitionPulse,
): unknown {
  const { tenant_id: tenantId } = question;
  switch (question.kind) {
    case 'explain-task':
      return explanationView(rules.explainTask(state, tenantId, question.task_id, nowMs()));
    case 'queue': {
      const queue = queueOf(state, tenantId, nowMs());
      return queue && queueView(queue, nowMs());
    }
    case 'queue-depth': {
      const depth = queueDepthOf(state, tenantId);
      return depth && { ...depthView(depth), pulse };
    }
    case 'breakers': {
      const found = quarantinesOf(state, tenantId);
      return found && quarantinesView(found);
    }
    case 'simulate':
      return runSimulation(question, state, rules.policy, { nowMs, slices });
    default:
      throw new NotLedHere();
  }
}
