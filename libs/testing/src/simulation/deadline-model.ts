import { type EventData, type Fact, type ReasonCode, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { taskKeyOf } from './task-key.js';
import { type AttemptOver, insistVerdict } from './verdict-model.js';
import { insist } from './violation.js';

interface TimedTask {
  readonly id: string;
  readonly spec: TaskSpec;
  /** It may start from here on. */
  readyAtMs: number;
  /** Its delivery timeout runs from here: an attempt that no agent took up does not move it. */
  deliverFromMs: number;
  run: { isTakenUp: boolean; isMoving: boolean } | null;
  cancel: ReasonCode | null;
}

type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;

/**
 * The times of the tasks of one partition, from their specs and the log alone: none starts before its time or after
 * it, what waits for too long ends so and for no other reason, and as soon as somebody is there to end it.
 */
export class DeadlineModel {
  private readonly tasks = new Map<string, TimedTask>();
  /** Of what waits, the earliest deadline; null: to be looked for again. */
  private earliestMs: number | null = null;

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'task.queued':
        return this.queued(fact);
      case 'task.leased':
        return this.leased(fact);
      case 'task.started': {
        const { run } = this.find(fact);
        if (run) run.isTakenUp = true;
        return;
      }
      case 'task.move-requested': {
        const { run } = this.find(fact);
        if (run) run.isMoving = true;
        return;
      }
      case 'task.cancel-requested':
        this.find(fact).cancel = fact.data.reason;
        return;
      case 'task.attempt-ended':
        return this.attemptEnded(fact);
      case 'task.ended':
        return this.ended(fact);
      default:
        return;
    }
  }

  /** The owner has nothing to decide, by this time of its clock: then nothing is overdue. */
  rested(nowMs: number): void {
    this.earliestMs ??= Math.min(...this.waiting().map(deadlineOf), Infinity);
    if (this.earliestMs > nowMs) return;
    const late = this.waiting().find((task) => deadlineOf(task) <= nowMs)!;
    insist(
      false,
      'deadlines',
      () => `${late.id} is ${nowMs - deadlineOf(late)} ms late, and nothing is done`,
    );
  }

  private waiting(): TimedTask[] {
    return [...this.tasks.values()].filter(({ run }) => run === null);
  }

  private queued({ tenantId, data, timeMs }: Of<'task.queued'>): void {
    const { task_id: id, spec } = data;
    const readyAtMs = Math.max(timeMs, spec.not_before_ms ?? 0);
    const fresh = { readyAtMs, deliverFromMs: readyAtMs, run: null, cancel: null };
    this.tasks.set(`${tenantId}/${id}`, { id, spec, ...fresh });
    this.earliestMs = null;
  }

  private leased(fact: Of<'task.leased'>): void {
    const task = this.find(fact);
    const { timeMs } = fact;
    const earlyMs = task.readyAtMs - timeMs;
    insist(earlyMs <= 0, 'not before', () => `${task.id} is leased ${earlyMs} ms before it is ready`);
    const lateMs = timeMs - deadlineOf(task);
    insist(lateMs < 0, 'deadlines', () => `${task.id} is leased ${lateMs} ms after its deadline`);
    if (task.spec.not_before_ms !== undefined && fact.data.attempt === 1) this.counters.add('not before');
    task.run = { isTakenUp: false, isMoving: false };
    this.earliestMs = null;
  }

  private attemptEnded(fact: Of<'task.attempt-ended'>): void {
    const task = this.find(fact);
    this.judge(task, fact);
    const { data, timeMs } = fact;
    const { backoff, not_after_ms: notAfterMs = Infinity } = task.spec;
    const waitMs = data.retry_at_ms - timeMs;
    const isMove = data.reason === 'agent_draining';
    const mostMs = isMove ? 0 : backoff.max_ms;
    insist(waitMs >= 0 && waitMs <= mostMs, 'backoff', () => `${task.id} waits ${waitMs} of ${mostMs} ms`);
    const isInTime = isMove || data.retry_at_ms < notAfterMs;
    insist(isInTime, 'deadlines', () => `${task.id} waits for ${data.retry_at_ms}, beyond ${notAfterMs}`);
    task.readyAtMs = data.retry_at_ms;
    if (task.run?.isTakenUp || isAnswered(data)) task.deliverFromMs = data.retry_at_ms;
    else if (task.spec.delivery_timeout_ms > 0) this.counters.add('wait goes on');
    task.run = null;
    this.earliestMs = null;
  }

  private ended(fact: Of<'task.ended'>): void {
    const task = this.find(fact);
    this.judge(task, fact);
    this.tasks.delete(taskKeyOf(fact));
    this.earliestMs = null;
    const { end, outcome } = fact.data;
    if (end === 'execution_timed_out') this.counters.add('execution timed out');
    if (end === 'delivery_timed_out') this.undelivered(task, fact.timeMs);
    if (end !== 'expired') return;
    this.counters.add('expired');
    const earlyMs = (task.spec.not_after_ms ?? Infinity) - fact.timeMs;
    insist(
      earlyMs <= 0,
      'deadlines',
      () => `${task.id} expired ${earlyMs} ms early, ${outcome ?? 'waiting'}`,
    );
  }

  private undelivered(task: TimedTask, timeMs: number): void {
    this.counters.add('delivery timed out');
    const earlyMs = deliveryOf(task) - timeMs;
    insist(earlyMs <= 0, 'delivery timeout', () => `${task.id} is called undelivered ${earlyMs} ms early`);
    const { not_after_ms: notAfterMs = Infinity } = task.spec;
    insist(timeMs < notAfterMs, 'ends and reasons', () => `${task.id} is undelivered, and has expired`);
  }

  private judge({ spec, cancel, run }: TimedTask, fact: AttemptOver): void {
    insistVerdict({ spec, cancel, isMoving: run?.isMoving === true }, fact);
  }

  private find(fact: Fact & { data: { task_id: string } }): TimedTask {
    const task = this.tasks.get(taskKeyOf(fact));
    insist(task !== undefined, 'I6 tenants', () => `${fact.type} of ${taskKeyOf(fact)}, which is not there`);
    return task;
  }
}

function deliveryOf({ spec, deliverFromMs }: TimedTask): number {
  return spec.delivery_timeout_ms > 0 ? deliverFromMs + spec.delivery_timeout_ms : Infinity;
}

function deadlineOf(task: TimedTask): number {
  return Math.min(task.spec.not_after_ms ?? Infinity, deliveryOf(task));
}

/** The agent had a word to say of the attempt: only then was it delivered. What came too late to be run was not. */
function isAnswered({ outcome, duration_ms }: EventData<'task.attempt-ended'>): boolean {
  if (outcome === 'undelivered') return false;
  return outcome !== 'lease_expired' || duration_ms !== undefined;
}
