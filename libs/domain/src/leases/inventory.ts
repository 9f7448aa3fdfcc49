import { type HeldLease, type LeaseRef } from '@fluxforge/domain/agent';
import { type Task } from '@fluxforge/domain/task';
import { leaseNamed } from './reports.js';

export interface Comparison {
  /** Live here and held there. */
  readonly held: Task[];
  /** Live here, not held there and no report of it either: it never arrived. */
  readonly missing: Task[];
  /** Held there, not live here. */
  readonly unknown: LeaseRef[];
}

/** What an agent holds against what the state gave it. Both sides are bounded by the agent's slots. */
export function compareInventory(
  agentId: string,
  given: Iterable<Task>,
  inventory: readonly HeldLease[],
  taskOf: (taskId: string) => Task | undefined,
): Comparison {
  const listed = new Set<Task>();
  const held: Task[] = [];
  const unknown: LeaseRef[] = [];
  for (const { finished, ...ref } of inventory) {
    const task = taskOf(ref.taskId);
    if (task && leaseNamed(task, ref, agentId)) {
      listed.add(task);
      if (!finished) held.push(task);
    } else if (!finished) unknown.push(ref);
  }
  const missing: Task[] = [];
  for (const task of given) if (!listed.has(task)) missing.push(task);
  return { held, missing, unknown };
}
