import { type Decided, type TasksEventBody } from '@fluxforge/events/catalogue';
import { fireSchedule } from '@fluxforge/domain/schedules';
import { admitTask, cancelTask, type Task } from '@fluxforge/domain/task';
import { tenantAdmission } from './decide.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/**
 * What the schedule that is due longest calls for. A firing is two events of one batch, so it waits for room for
 * both; what its concurrency key cancels besides is found again by whoever looks after the keys.
 */
export function fireDue(
  state: TasksState,
  policy: TasksPolicy,
  nowMs: number,
  room: number,
): Decided<TasksEventBody>[] | null {
  if (room < 2 || state.scheduleTimers.peekRank() > nowMs) return null;
  const schedule = state.scheduleTimers.peek()!;
  const realm = state.realms.get(schedule.tenantId)!;
  const live = realm.scheduling.live.get(schedule.id) ?? new Set<string>();
  const events = fireSchedule(
    schedule,
    {
      live: live.size,
      cancelOne: (reason) => {
        const task = uncancelled(realm, live);
        return task && cancelTask(task, reason, null);
      },
      isKnown: (taskId) => realm.tasks.has(taskId) || realm.ended.has(taskId),
      admit: (candidate) => admitTask(tenantAdmission(realm, policy), realm.tenant.id, candidate, nowMs),
    },
    nowMs,
  );
  return events.slice(0, room);
}

function uncancelled(realm: Realm, taskIds: ReadonlySet<string>): Task | null {
  for (const id of taskIds) {
    const task = realm.tasks.get(id);
    if (task && !task.cancel) return task;
  }
  return null;
}
