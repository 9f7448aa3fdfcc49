import {
  simulate,
  simulationBounds,
  type SimulationEnd,
  type TasksPolicy,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { TooManyQuestions, type QuestionOf } from '@fluxforge/events/owner-questions';
import { inSlices, type SliceTools } from './in-slices.js';

/** Each holds a copy of its tenant, so only so many run beside each other in a process. */
const atOnce = 2;
let running = 0;

/** Runs a simulation in slices, between which the partition goes on. Throws when too many run already. */
export async function runSimulation(
  { tenant_id: tenantId, changes }: QuestionOf<'simulate'>,
  state: TasksState,
  policy: TasksPolicy,
  tools: SliceTools,
) {
  if (running >= atOnce) throw new TooManyQuestions();
  running += 1;
  try {
    const steps = simulate(state, policy, tenantId, changes, tools.nowMs());
    return simulationView(await inSlices(steps, tools));
  } finally {
    running -= 1;
  }
}

function simulationView(end: SimulationEnd) {
  if (end === 'unknown_tenant') return null;
  if (end === 'too_large') return { too_large: simulationBounds.tenantSize };
  return {
    admitted: end.admitted,
    rejected: end.rejected.map(({ taskId, reason }) => ({ task_id: taskId, reason })),
    placed: end.placed.map(({ taskId, agentId }) => ({ task_id: taskId, agent_id: agentId })),
    delayed: end.delayed.map(({ taskId, rule }) => ({ task_id: taskId, rule })),
    changed: end.changed.map(({ taskId, before, after }) => ({ task_id: taskId, before, after })),
    changed_more: end.changedMore,
    waited_for: end.waitedFor.map(({ taskId, agentId }) => ({ task_id: taskId, agent_id: agentId })),
    waited_for_more: end.waitedForMore,
    ended: end.ended.map(({ taskId, reason }) => ({ task_id: taskId, reason })),
    agents_unknown: end.agentsUnknown,
    complete: end.complete,
  };
}
