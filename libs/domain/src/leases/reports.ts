import { type Decided, type TasksEventBody } from '@fluxforge/events/catalogue';
import { type AgentMessage, type LeaseRef } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import { type EndedTask, type Lease, type Task } from '@fluxforge/domain/task';
import { decideAttemptEnd } from './attempt-end.js';

type Message<K extends AgentMessage['kind']> = Extract<AgentMessage, { kind: K }>;

/** The live lease that `ref` names, or null: only the current attempt of the current life moves state. */
export function leaseNamed(task: Task | undefined, ref: LeaseRef, agentId: string): Lease | null {
  const lease = task?.lease;
  if (!task || !lease || task.life !== ref.life || lease.attempt !== ref.attempt) return null;
  return lease.agentId === agentId ? lease : null;
}

export function decideStarted(
  task: Task | undefined,
  message: Message<'started'>,
): Decided<TasksEventBody>[] {
  const lease = leaseNamed(task, message, message.agentId);
  if (!task || !lease || lease.startedAtMs !== null) return [];
  return [
    decided('task.started', task.tenantId, task.id, {
      task_id: task.id,
      life: task.life,
      attempt: lease.attempt,
      agent_id: lease.agentId,
      started_at_ms: Math.max(0, Math.floor(message.startedAtMs)),
    }),
  ];
}

/** A result is the end of the attempt it names, the repetition of one that ended so, or too late. */
export function decideResult(
  task: Task | undefined,
  ended: EndedTask | undefined,
  message: Message<'result'>,
  nowMs: number,
): Decided<TasksEventBody>[] {
  const lease = leaseNamed(task, message, message.agentId);
  if (task && lease) return [decideAttemptEnd(task, lease, message.run, nowMs)];
  const known = task ?? ended;
  const repeated = known?.life === message.life && known.reportedAttempt === message.attempt;
  if (repeated) return [];
  return [
    decided('task.report-ignored', message.tenantId, message.taskId, {
      task_id: message.taskId,
      life: message.life,
      attempt: message.attempt,
      agent_id: message.agentId,
      ...message.run,
      current_attempt: known?.attemptsUsed ?? 0,
    }),
  ];
}

/**
 * An agent says that it neither holds this lease nor has a report of it. If a cancel or a move waits for the
 * attempt's end, this is that end: nothing else would come.
 */
export function decideNotHeld(task: Task | undefined, ref: LeaseRef, agentId: string, nowMs: number) {
  const lease = leaseNamed(task, ref, agentId);
  if (!task || !lease || !(task.cancel || lease.isMoving)) return [];
  return [decideAttemptEnd(task, lease, { outcome: 'undelivered' }, nowMs)];
}
