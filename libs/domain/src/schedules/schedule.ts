import { type EventData, type ScheduleSpec } from '@fluxforge/events/catalogue';
import { canonicalText, hashHex } from '@fluxforge/domain/kernel';

/**
 * A schedule: at each time that its expression names, a task is queued.
 *
 *   created -> active <--suspended--> suspended;   deleted from either.
 *
 * An active one knows the due time that comes next and when it is fired (jitter included); both are computed once,
 * by the decision before, and stand in the events. It moves on by `schedule.fired` alone: each due time is
 * fired, skipped with a reason, or counted as missed by the firing of a later one. A changed expression and
 * a resumed schedule begin anew with the present; nothing is missed while suspended.
 */
export interface Schedule {
  readonly id: string;
  readonly tenantId: string;
  readonly order: number;
  /** Of what was first created: tells a repeated creation from another one under the same id. */
  readonly createdAs: string;
  name: string;
  spec: ScheduleSpec;
  generation: number;
  suspended: boolean;
  /** Null: suspended, or the expression names no further time. */
  nextDueMs: number | null;
  nextMs: number | null;
}

/** All schedules of a tenant. */
export interface ScheduleBook {
  readonly schedules: Map<string, Schedule>;
  /** Ids that were deleted lately, with when: a late copy of a creation must not bring one back. */
  readonly deleted: Map<string, number>;
  /** Derived: of all schedules, see `declaredBytes`. */
  bytes: number;
  /** Derived: tasks that have not ended, by the schedule that made them. */
  readonly live: Map<string, Set<string>>;
}

export const deletedKeptMs = 24 * 3600 * 1000;
export const maxDeletedKept = 10_000;

export function newScheduleBook(): ScheduleBook {
  return { schedules: new Map(), deleted: new Map(), bytes: 0, live: new Map() };
}

export function contentOf(name: string, spec: ScheduleSpec): string {
  return hashHex(canonicalText([name, spec]));
}

export function newSchedule(data: EventData<'schedule.created'>, tenantId: string, order: number): Schedule {
  return {
    id: data.schedule_id,
    tenantId,
    order,
    createdAs: contentOf(data.name, data.spec),
    name: data.name,
    spec: data.spec,
    generation: data.generation,
    suspended: false,
    nextDueMs: data.next_due_ms ?? null,
    nextMs: data.next_ms ?? null,
  };
}

const maxIdLength = 128;

/** The same firing has the same id, whoever decides it. A long schedule id is hashed: ids have an end. */
export function firedTaskId(schedule: Schedule, dueMs: number): string {
  const plain = `${schedule.id}.${dueMs}`;
  if (plain.length <= maxIdLength) return plain;
  return `sch-${hashHex(JSON.stringify([schedule.tenantId, schedule.id]))}.${dueMs}`;
}
