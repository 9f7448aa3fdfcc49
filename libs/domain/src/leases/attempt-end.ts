import {
  type AttemptOutcome,
  type Decided,
  type ReasonCode,
  type TaskEnd,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { type RunReport } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import { backoffMs } from '@fluxforge/domain/retry';
import { type Lease, type Task } from '@fluxforge/domain/task';

interface Verdict {
  /** How the task ends if this run was its last. */
  readonly end: TaskEnd;
  readonly reason: ReasonCode;
}

/**
 * What each outcome means for the task. `lost` is for runs of which nobody can say what they did; a run
 * that never was (refused, not spawned) is a failure, and it used up its attempt: the number was given out,
 * and an agent that refuses for ever must not be asked for ever.
 */
const verdicts: Record<AttemptOutcome, Verdict> = {
  exited: { end: 'failed', reason: 'exit_nonzero' },
  signalled: { end: 'failed', reason: 'killed_by_signal' },
  timed_out: { end: 'execution_timed_out', reason: 'execution_timeout' },
  cancelled: { end: 'lost', reason: 'agent_restarted' },
  interrupted: { end: 'lost', reason: 'agent_restarted' },
  lease_expired: { end: 'lost', reason: 'lease_ran_out' },
  spawn_failed: { end: 'failed', reason: 'spawn_failed' },
  refused: { end: 'failed', reason: 'agent_refused' },
  undelivered: { end: 'lost', reason: 'lease_ran_out' },
};

/**
 * The end of a leased task's attempt: the task's end, or its return to the queue. After a cancel only a
 * success is more than a cancelled task; a run that succeeded first has won. A run that stopped because it was to
 * move costs the task nothing; one that came to its own end first has ended so.
 */
export function decideAttemptEnd(
  task: Task,
  lease: Lease,
  run: RunReport,
  nowMs: number,
): Decided<TasksEventBody> {
  if (run.outcome === 'exited' && run.exit_code === 0) {
    return ended(task, lease, run, { end: 'succeeded', reason: 'exit_zero' });
  }
  if (task.cancel) return ended(task, lease, run, { end: 'cancelled', reason: task.cancel.reason });
  if (lease.isMoving && (run.outcome === 'cancelled' || run.outcome === 'undelivered')) {
    return queuedAgain(task, lease, run, 'agent_draining', nowMs);
  }
  // Handed over in time, and it arrived too late: as if it had waited for too long.
  if (run.outcome === 'refused' && nowMs >= (task.spec.not_after_ms ?? Infinity)) {
    return ended(task, lease, run, { end: 'expired', reason: 'not_after_passed' });
  }
  const verdict = verdicts[run.outcome];
  const retryAtMs = retryTimeMs(task, lease, nowMs);
  if (retryAtMs === null) return ended(task, lease, run, verdict);
  return queuedAgain(task, lease, run, verdict.reason, retryAtMs);
}

function queuedAgain(
  task: Task,
  lease: Lease,
  run: RunReport,
  reason: ReasonCode,
  retryAtMs: number,
): Decided<TasksEventBody> {
  return decided('task.attempt-ended', task.tenantId, task.id, {
    ...runOf(task, lease),
    ...run,
    reason,
    retry_at_ms: retryAtMs,
  });
}

/** Null: no attempts are left, or none could start in time. */
function retryTimeMs(task: Task, lease: Lease, nowMs: number): number | null {
  if (task.attemptsUsed - task.forgivenAttempts >= task.spec.max_attempts) return null;
  const seed = `${task.id}:${task.life}:${lease.attempt}`;
  const atMs = nowMs + backoffMs(task.spec.backoff, lease.attempt, seed);
  return atMs < (task.spec.not_after_ms ?? Infinity) ? atMs : null;
}

function runOf(task: Task, lease: Lease) {
  return { task_id: task.id, life: task.life, attempt: lease.attempt, agent_id: lease.agentId };
}

function ended(task: Task, lease: Lease, run: RunReport, verdict: Verdict): Decided<TasksEventBody> {
  return decided('task.ended', task.tenantId, task.id, {
    ...runOf(task, lease),
    ...verdict,
    attempts_used: task.attemptsUsed,
    ...(task.origin && { origin: task.origin }),
    ...run,
  });
}
