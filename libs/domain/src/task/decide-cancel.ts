import {
  type Command,
  type Decided,
  type JournalEventBody,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, rejected } from '@fluxforge/domain/kernel';
import { cancelTask } from './cancel-task.js';
import { type EndedTask, type Task } from './task.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
export type CancelCommand = Command<Extract<TasksCommandBody, { type: 'task.cancel' }>>;

/** A cancel has one winner: what the log says first, this or the end of the run. */
export function decideCancel(
  live: Task | undefined,
  ended: EndedTask | undefined,
  command: CancelCommand,
): Answer {
  const id = command.data.task_id;
  if (live?.cancel) return [accepted(command, id)];
  if (live) return [cancelTask(live, 'cancelled_by_user', command.data.reason ?? null)];
  if (!ended) return [rejected(command, 'not_found', 'There is no such task, or it ended long ago.')];
  if (ended.end === 'cancelled') return [accepted(command, id)];
  return [rejected(command, 'conflict', `The task has ended: ${ended.end}.`, id)];
}

/** The reconciler takes a remediation back. Not a command: whoever has ended already needs no answer. */
export function decideWithdrawn(live: Task | undefined): Answer {
  return live && !live.cancel ? [cancelTask(live, 'withdrawn', null)] : [];
}
