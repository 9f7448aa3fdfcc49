import { SeatedHeap } from '@fluxforge/domain/kernel';
import { deadlineMs, type Task } from '@fluxforge/domain/task';

/** Queued tasks by when they end for want of a start, which moves only while they are leased. */
export class Deadlines extends SeatedHeap<Task> {
  protected rankOf(task: Task): number {
    return deadlineMs(task);
  }

  protected tieOf(task: Task): number {
    return task.order;
  }

  protected seatOf(task: Task): number {
    return task.deadlineSeat;
  }

  protected seat(task: Task, at: number): void {
    task.deadlineSeat = at;
  }
}
