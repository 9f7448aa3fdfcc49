import {
  type AttemptOutcome,
  type Fact,
  type ReasonCode,
  type TaskEnd,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { insist } from './violation.js';

export type AttemptOver = Extract<Fact, { type: 'task.attempt-ended' | 'task.ended' }>;

/** What is known of a task when its run is over. */
export interface Judged {
  readonly spec: TaskSpec;
  /** Why it was to be cancelled, if it was. */
  readonly cancel: ReasonCode | null;
  readonly isMoving: boolean;
}

type Verdict = readonly [end: TaskEnd, reason: ReasonCode];

/** How a task ends whose last run came out so, if nothing else was asked of it. */
const ofOutcome: Record<AttemptOutcome, Verdict> = {
  exited: ['failed', 'exit_nonzero'],
  signalled: ['failed', 'killed_by_signal'],
  spawn_failed: ['failed', 'spawn_failed'],
  refused: ['failed', 'agent_refused'],
  timed_out: ['execution_timed_out', 'execution_timeout'],
  cancelled: ['lost', 'agent_restarted'],
  interrupted: ['lost', 'agent_restarted'],
  lease_expired: ['lost', 'lease_ran_out'],
  undelivered: ['lost', 'lease_ran_out'],
};

const ofCancels: readonly ReasonCode[] = [
  'cancelled_by_user',
  'withdrawn',
  'agent_removed',
  'overlap_replaced',
  'concurrency_superseded',
  'fanout_cancelled',
];

/** Ends that need no run, by the reasons that they may give. */
const withoutRun: Partial<Record<TaskEnd, readonly ReasonCode[]>> = {
  expired: ['not_after_passed'],
  delivery_timed_out: ['delivery_timeout'],
  cancelled: ofCancels,
};

/** An end, and what is queued again, says why in the one way that fits what happened. */
export function insistVerdict(task: Judged, { type, data, timeMs }: AttemptOver): void {
  const what = () => `${data.task_id}: ${type} ${endOf(data)} for ${data.reason} after ${data.outcome}`;
  if (data.outcome === undefined) {
    const reasons = withoutRun[endOf(data) ?? 'lost'] ?? [];
    return insist(reasons.includes(data.reason), 'ends and reasons', what);
  }
  if (data.outcome === 'timed_out') insistOverTime(task, data);
  const [end, reason] = verdictOf(task, data, timeMs);
  insist(data.reason === reason, 'ends and reasons', () => `${what()}, not ${reason}`);
  if (type === 'task.ended') insist(data.end === end, 'ends and reasons', () => `${what()}, not ${end}`);
}

function verdictOf({ spec, cancel, isMoving }: Judged, data: AttemptOver['data'], timeMs: number): Verdict {
  const outcome = data.outcome!;
  if (outcome === 'exited' && data.exit_code === 0) return ['succeeded', 'exit_zero'];
  if (cancel !== null) return ['cancelled', cancel];
  if (isMoving && (outcome === 'cancelled' || outcome === 'undelivered')) return ['lost', 'agent_draining'];
  if (outcome === 'refused' && timeMs >= (spec.not_after_ms ?? Infinity)) {
    return ['expired', 'not_after_passed'];
  }
  return ofOutcome[outcome];
}

function insistOverTime({ spec }: Judged, { task_id, duration_ms: ranMs = 0 }: AttemptOver['data']): void {
  const limitMs = spec.execution_timeout_ms;
  const isOver = limitMs > 0 && ranMs >= limitMs;
  insist(isOver, 'execution timeout', () => `${task_id} timed out after ${ranMs} ms of ${limitMs}`);
}

function endOf(data: AttemptOver['data']): TaskEnd | undefined {
  return 'end' in data ? data.end : undefined;
}
