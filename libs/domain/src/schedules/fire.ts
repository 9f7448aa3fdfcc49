import {
  type Decided,
  type EventData,
  type ReasonCode,
  type TaskSpec,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { nextFields } from './decide-schedule.js';
import { turnOf, type Turn } from './due.js';
import { firedTaskId, type Schedule } from './schedule.js';

type Events = Decided<TasksEventBody>[];
type Queued = EventData<'task.queued'>;

/** What a firing needs of the tasks. */
export interface Firing {
  /** The schedule's tasks that have not ended, and those of them that nobody has cancelled yet. */
  readonly live: number;
  cancelOne(reason: ReasonCode): Decided<TasksEventBody> | null;
  /** There is, or was lately, a task of this id. */
  isKnown(taskId: string): boolean;
  /** The ordinary admission: the events of a task that is let in, or a single `task.rejected`. */
  admit(candidate: Queued): Events;
}

/**
 * Deals with what is due: one event that moves the schedule on, and with it the task, if it becomes one. What
 * admission refuses is a firing skipped with that reason, and no task: the schedule's own event says all there
 * is to say, and a full queue is not filled with rejections. To replace, the tasks before are cancelled
 * first, one event at a time.
 */
export function fireSchedule(schedule: Schedule, firing: Firing, nowMs: number): Events {
  const { nextDueMs, nextMs, spec } = schedule;
  if (nextDueMs === null || nextMs === null || nextMs > nowMs) return [];
  const turn = turnOf(schedule, nextDueMs, nextMs, nowMs);
  if (nowMs - turn.due.atMs > spec.missed_after_ms) return [fired(schedule, turn, { skipped: 'missed' })];
  if (spec.overlap === 'forbid' && firing.live > 0) {
    return [fired(schedule, turn, { skipped: 'overlap_forbidden' })];
  }
  if (spec.overlap === 'replace' && firing.live > 0) {
    const cancelled = firing.cancelOne('overlap_replaced');
    if (cancelled) return [cancelled];
  }
  return queue(schedule, turn, firing);
}

function queue(schedule: Schedule, turn: Turn, firing: Firing): Events {
  const taskId = firedTaskId(schedule, turn.due.dueMs);
  // A firing of an earlier schedule of this id, or somebody else's task: it is never queued twice.
  if (firing.isKnown(taskId)) return [fired(schedule, turn, { task_id: taskId })];
  const batch = { schedule_id: schedule.id, due_ms: turn.due.dueMs };
  const spec = taskSpec(schedule, turn.due.atMs);
  const admitted = firing.admit({ task_id: taskId, life: 1, kind: 'scheduled', spec, batch });
  const refused = admitted.find((event) => event.type === 'task.rejected');
  if (refused) return [fired(schedule, turn, { skipped: refused.data.reason })];
  return [fired(schedule, turn, { task_id: taskId }), ...admitted];
}

function taskSpec({ spec }: Schedule, atMs: number): TaskSpec {
  const { not_before_ms: _before, not_after_ms: _after, ...task } = spec.task;
  return spec.max_delay_ms === undefined ? task : { ...task, not_after_ms: atMs + spec.max_delay_ms };
}

function fired(
  schedule: Schedule,
  { due, missed, next }: Turn,
  outcome: { readonly task_id: string } | { readonly skipped: ReasonCode },
): Decided<TasksEventBody> {
  return decided('schedule.fired', schedule.tenantId, schedule.id, {
    schedule_id: schedule.id,
    due_ms: due.dueMs,
    ...outcome,
    missed,
    ...nextFields(next),
  });
}
