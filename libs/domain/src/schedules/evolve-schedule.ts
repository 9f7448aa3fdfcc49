import { type Fact, type TasksEventBody } from '@fluxforge/events/catalogue';
import { declaredBytes } from '@fluxforge/domain/tenant';
import { deletedKeptMs, maxDeletedKept, newSchedule, type Schedule, type ScheduleBook } from './schedule.js';

export type ScheduleFact = Fact<
  Extract<
    TasksEventBody,
    {
      type:
        | 'schedule.created'
        | 'schedule.updated'
        | 'schedule.suspended'
        | 'schedule.deleted'
        | 'schedule.fired';
    }
  >
>;

/** Folds one fact; answers the schedule that it changed, for its timer to be set, or null. */
export function evolveSchedule(book: ScheduleBook, fact: ScheduleFact, order: number): Schedule | null {
  const id = fact.data.schedule_id;
  if (fact.type === 'schedule.created') {
    if (book.schedules.has(id)) return null;
    const made = newSchedule(fact.data, fact.tenantId, order);
    addSchedule(book, made);
    book.deleted.delete(id);
    return made;
  }
  const schedule = book.schedules.get(id);
  if (!schedule) return null;
  switch (fact.type) {
    case 'schedule.updated':
      book.bytes += declaredBytes(fact.data) - declaredBytes(schedule);
      schedule.name = fact.data.name;
      schedule.spec = fact.data.spec;
      schedule.generation = fact.data.generation;
      break;
    case 'schedule.suspended':
      schedule.suspended = fact.data.suspended;
      break;
    case 'schedule.fired':
      break;
    case 'schedule.deleted':
      book.schedules.delete(id);
      book.bytes -= declaredBytes(schedule);
      schedule.nextDueMs = null;
      schedule.nextMs = null;
      forget(book, id, fact.timeMs);
      return schedule;
  }
  schedule.nextDueMs = fact.data.next_due_ms ?? null;
  schedule.nextMs = fact.data.next_ms ?? null;
  return schedule;
}

export function addSchedule(book: ScheduleBook, schedule: Schedule): void {
  book.schedules.set(schedule.id, schedule);
  book.bytes += declaredBytes(schedule);
}

/** Bounded by number and by age, both by facts alone. */
function forget(book: ScheduleBook, id: string, timeMs: number): void {
  book.deleted.delete(id);
  book.deleted.set(id, timeMs);
  for (const [oldest, deletedAtMs] of book.deleted) {
    if (book.deleted.size <= maxDeletedKept && timeMs - deletedAtMs < deletedKeptMs) return;
    book.deleted.delete(oldest);
  }
}

export function addLive(book: ScheduleBook, scheduleId: string, taskId: string): void {
  const live = book.live.get(scheduleId);
  if (live) live.add(taskId);
  else book.live.set(scheduleId, new Set([taskId]));
}

export function removeLive(book: ScheduleBook, scheduleId: string, taskId: string): void {
  const live = book.live.get(scheduleId);
  if (live?.delete(taskId) && live.size === 0) book.live.delete(scheduleId);
}
