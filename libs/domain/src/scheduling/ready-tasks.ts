import { SeatedHeap } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';

/**
 * Where a task stands among those of its tenant: its priority, less one for every `agingMs` it has waited.
 * All grow older at one pace, so the order between two tasks never changes and a heap can keep it.
 */
export function rankOf(task: Task, agingMs: number): number {
  return task.spec.priority * agingMs + task.readyAtMs;
}

export function effectivePriority(task: Task, agingMs: number, nowMs: number): number {
  return task.spec.priority - Math.max(0, nowMs - task.readyAtMs) / agingMs;
}

/** The ready tasks of one placement group, in their order. Neither priority nor age changes while one is ready. */
export class ReadyTasks extends SeatedHeap<Task> {
  constructor(private readonly agingMs: number) {
    super();
  }

  protected rankOf(task: Task): number {
    return rankOf(task, this.agingMs);
  }

  protected tieOf(task: Task): number {
    return task.order;
  }

  protected seatOf(task: Task): number {
    return task.readySeat;
  }

  protected seat(task: Task, at: number): void {
    task.readySeat = at;
  }
}
