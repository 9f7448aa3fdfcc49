import { type Decided, type ReasonCode, type TasksEventBody } from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { type Task } from './task.js';

/** A queued task ends at once; of a leased one the end of its run decides. */
export function cancelTask(task: Task, reason: ReasonCode, message: string | null): Decided<TasksEventBody> {
  const subject = { task_id: task.id, life: task.life, reason };
  const said = message === null ? {} : { message };
  if (task.lease) return decided('task.cancel-requested', task.tenantId, task.id, { ...subject, ...said });
  return decided('task.ended', task.tenantId, task.id, {
    ...subject,
    end: 'cancelled',
    attempts_used: task.attemptsUsed,
    ...(task.origin && { origin: task.origin }),
    ...said,
  });
}
