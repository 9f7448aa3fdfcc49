import { isDeepStrictEqual } from 'node:util';
import { type Fact, type ScheduleSpec, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';
import { dueIn, isDue } from './wall-clock.js';

interface ScheduleState {
  readonly tenantId: string;
  readonly id: string;
  spec: ScheduleSpec;
  suspended: boolean;
  nextDueMs: number | null;
  nextMs: number | null;
}

/** When what is due is to be fired: at some time of this span. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A firing whose task follows, and the schedule as it was then. */
interface Promised extends Span {
  readonly spec: ScheduleSpec;
}

type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;
type Next = { readonly next_due_ms?: number; readonly next_ms?: number };

const lookAheadMs = 2 * 3_600_000;

/**
 * A reference model of schedules. Each due time, by an oracle of its own, is dealt with once: it becomes a task, is
 * skipped, or is counted as missed by the next that is dealt with.
 */
export class ScheduleModel {
  readonly schedules = new Map<string, ScheduleState>();
  /** Tasks that have not ended, by schedule; true: a cancel was requested. */
  private readonly live = new Map<string, Map<string, boolean>>();
  private readonly scheduleOf = new Map<string, string>();
  /** Fired, and to be queued by the very next events. */
  private readonly promised = new Map<string, Promised>();

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'schedule.created':
        return this.created(fact);
      case 'schedule.updated':
        return this.updated(fact);
      case 'schedule.suspended':
        return this.suspended(fact);
      case 'schedule.deleted':
        insist(this.schedules.delete(keyOf(fact)), 'schedules', () => `${keyOf(fact)} deleted twice`);
        return;
      case 'schedule.fired':
        return this.fired(fact);
      case 'task.queued':
        return this.queued(fact);
      case 'task.cancel-requested':
        return this.over(fact, true);
      case 'task.ended':
        return this.over(fact, false);
      default:
        return;
    }
  }

  /** The owner has nothing to decide, by this time of its clock: then nothing is left to be fired. */
  rested(nowMs: number): void {
    for (const { id, nextMs } of this.schedules.values()) {
      const lateMs = nextMs === null ? -1 : nowMs - nextMs;
      insist(lateMs < 0, 'fired in time', () => `${id} is due for ${lateMs} ms, and nothing is done`);
    }
  }

  private created(fact: Of<'schedule.created'>): void {
    const key = keyOf(fact);
    insist(!this.schedules.has(key), 'schedules', () => `${key} created twice`);
    const { schedule_id: id, spec } = fact.data;
    const made = { tenantId: fact.tenantId, id, spec, suspended: false, nextDueMs: null, nextMs: null };
    this.schedules.set(key, made);
    this.takeNext(made, fact.data, fact.timeMs);
  }

  private updated(fact: Of<'schedule.updated'>): void {
    const schedule = this.find(fact);
    const { spec } = fact.data;
    const { cron, time_zone, jitter_ms } = schedule.spec;
    const same = cron === spec.cron && time_zone === spec.time_zone && jitter_ms === spec.jitter_ms;
    schedule.spec = spec;
    if (!same && !schedule.suspended) return this.takeNext(schedule, fact.data, fact.timeMs);
    const { next_due_ms: nextDueMs = null, next_ms: nextMs = null } = fact.data;
    const kept = nextDueMs === schedule.nextDueMs && nextMs === schedule.nextMs;
    insist(kept, 'no due time is lost', () => `${keyOf(fact)} drops ${schedule.nextDueMs}`);
  }

  private suspended(fact: Of<'schedule.suspended'>): void {
    const schedule = this.find(fact);
    schedule.suspended = fact.data.suspended;
    if (!schedule.suspended) return this.takeNext(schedule, fact.data, fact.timeMs);
    schedule.nextDueMs = null;
    schedule.nextMs = null;
  }

  /** The first due time after another one, or after the decision with which it begins anew. */
  private takeNext(schedule: ScheduleState, next: Next, afterMs: number): void {
    const { cron, time_zone: zone } = schedule.spec;
    const dueMs = next.next_due_ms ?? null;
    const what = `${schedule.id} (${cron} in ${zone})`;
    insist(dueMs !== null && next.next_ms !== undefined, 'no due time is lost', () => `${what} has no next`);
    insist(isDue(cron, zone, dueMs), 'no due time but the right ones', () => `${what}: ${dueMs}`);
    insist(dueMs > afterMs, 'no due time twice', () => `${what}: ${dueMs}`);
    const [between] = dueIn(cron, zone, afterMs + 1, Math.min(dueMs, afterMs + lookAheadMs));
    insist(between === undefined, 'no due time is lost', () => `${what}: ${between} before ${dueMs}`);
    schedule.nextDueMs = dueMs;
    schedule.nextMs = next.next_ms;
    const latestMs = latestAt(schedule.spec, dueMs);
    const isWithin = dueMs <= next.next_ms && next.next_ms <= latestMs;
    insist(isWithin, 'jitter', () => `${what}: ${dueMs} at ${next.next_ms}, not until ${latestMs}`);
    if (next.next_ms > dueMs) this.counters.add('schedule with jitter');
  }

  private fired(fact: Of<'schedule.fired'>): void {
    const schedule = this.find(fact);
    const { due_ms: dueMs, missed, skipped, task_id: taskId } = fact.data;
    const { nextDueMs, spec } = schedule;
    const what = `${keyOf(fact)} (${spec.cron} in ${spec.time_zone}) fires ${dueMs}`;
    insist(
      nextDueMs !== null && dueMs >= nextDueMs,
      'no due time twice',
      () => `${what}, next is ${nextDueMs}`,
    );
    insist(isDue(spec.cron, spec.time_zone, dueMs), 'no due time but the right ones', () => what);
    const span = spanOf(schedule, dueMs);
    insist(fact.timeMs >= span.fromMs, 'no due time too early', () => `${what} at ${fact.timeMs}`);
    // The one before may still stand in its jitter.
    const later = dueIn(spec.cron, spec.time_zone, dueMs + 1, fact.timeMs + 1).length;
    insist(later <= (spec.jitter_ms > 0 ? 1 : 0), 'the latest is fired', () => `${what}, ${later} since`);
    const before = dueIn(spec.cron, spec.time_zone, nextDueMs, dueMs).length;
    insist(missed === before, 'no due time is lost', () => `${what} with ${missed} missed, not ${before}`);
    insist((taskId === undefined) !== (skipped === undefined), 'fired or skipped', () => what);
    this.counters.add('schedule fired');
    if (missed > 0) this.counters.add('schedule missed');
    this.late(spec, span, fact, what);
    this.overlap(schedule, fact, what);
    if (taskId !== undefined) this.promised.set(`${fact.tenantId}/${taskId}`, { ...span, spec });
    this.takeNext(schedule, fact.data, dueMs);
  }

  /** Who was there in time has fired it, and who was too late has not. */
  private late(
    { missed_after_ms: afterMs }: ScheduleSpec,
    { fromMs, toMs }: Span,
    { data, timeMs }: Of<'schedule.fired'>,
    what: string,
  ): void {
    if (data.skipped !== 'missed') {
      const lateMs = timeMs - toMs;
      insist(lateMs <= afterMs, 'missed when late', () => `${what}, ${lateMs} of ${afterMs} late`);
      return;
    }
    const lateMs = timeMs - fromMs;
    insist(lateMs > afterMs, 'missed when late', () => `${what}, ${lateMs} of ${afterMs} late, as missed`);
    this.counters.add('missed for being late');
  }

  /** The task is the schedule's, and may wait for as long as it says from when it was to be fired. */
  private insistAsAsked(task: string, { spec, fromMs, toMs }: Promised, made: TaskSpec): void {
    const { not_before_ms: beforeMs, not_after_ms: afterMs, ...rest } = made;
    const { not_before_ms: _before, not_after_ms: _after, ...asked } = spec.task;
    insist(isDeepStrictEqual(rest, asked), 'fired as asked', () => `${task}: ${JSON.stringify(made)}`);
    insist(beforeMs === undefined, 'fired as asked', () => `${task} is not to start before ${beforeMs}`);
    const { max_delay_ms: delayMs } = spec;
    if (delayMs === undefined) {
      return insist(afterMs === undefined, 'max delay', () => `${task} expires, and nobody asked for that`);
    }
    this.counters.add('delay bounded');
    const isBounded = afterMs !== undefined && fromMs + delayMs <= afterMs && afterMs <= toMs + delayMs;
    insist(
      isBounded,
      'max delay',
      () => `${task} at ${fromMs} to ${toMs} expires ${afterMs}, not ${delayMs} on`,
    );
  }

  private overlap(schedule: ScheduleState, fact: Of<'schedule.fired'>, what: string): void {
    const { overlap } = schedule.spec;
    const live = this.live.get(keyOf(fact));
    const count = live?.size ?? 0;
    if (fact.data.skipped === 'overlap_forbidden') {
      this.counters.add('overlap forbidden');
      insist(overlap === 'forbid' && count > 0, 'overlap', () => `${what}: forbidden with ${count} live`);
    }
    if (fact.data.task_id === undefined || count === 0) return;
    insist(overlap !== 'forbid', 'overlap', () => `${what} with ${count} live`);
    if (overlap !== 'replace') return;
    insist([...live!.values()].every(Boolean), 'overlap', () => `${what} beside one that nobody cancelled`);
  }

  private queued(fact: Of<'task.queued'>): void {
    const { batch, kind, task_id: id } = fact.data;
    const scheduleId = batch?.schedule_id;
    insist((kind === 'scheduled') === (scheduleId !== undefined), 'schedules', () => `${id} is ${kind}`);
    if (scheduleId === undefined) return;
    const task = `${fact.tenantId}/${id}`;
    const promised = this.promised.get(task);
    insist(promised !== undefined, 'no due time twice', () => `${task} queued, and nothing fired`);
    this.promised.delete(task);
    this.insistAsAsked(task, promised, fact.data.spec);
    const key = `${fact.tenantId}/${scheduleId}`;
    const live = this.live.get(key) ?? new Map<string, boolean>();
    this.live.set(key, live.set(task, false));
    this.scheduleOf.set(task, key);
  }

  private over(fact: Of<'task.cancel-requested' | 'task.ended'>, isRequest: boolean): void {
    if (fact.data.reason === 'overlap_replaced') this.counters.add('overlap replaced');
    const task = `${fact.tenantId}/${fact.data.task_id}`;
    const key = this.scheduleOf.get(task);
    if (key === undefined) return;
    if (isRequest) this.live.get(key)?.set(task, true);
    else this.live.get(key)?.delete(task);
  }

  private find(fact: Fact & { data: { schedule_id: string } }): ScheduleState {
    const found = this.schedules.get(keyOf(fact));
    insist(found !== undefined, 'I6 tenants', () => `${fact.type} of ${keyOf(fact)}, which is not there`);
    return found;
  }
}

/** Known once it was said in an event; of what came due since, only between what it lies. */
function spanOf({ spec, nextDueMs, nextMs }: ScheduleState, dueMs: number): Span {
  if (dueMs === nextDueMs && nextMs !== null) return { fromMs: nextMs, toMs: nextMs };
  return { fromMs: dueMs, toMs: latestAt(spec, dueMs) };
}

/** Jitter ends where the next is due. */
function latestAt({ cron, time_zone: zone, jitter_ms: jitterMs }: ScheduleSpec, dueMs: number): number {
  return dueIn(cron, zone, dueMs + 1, dueMs + jitterMs)[0] ?? dueMs + jitterMs;
}

function keyOf(fact: Fact & { data: { schedule_id: string } }): string {
  return `${fact.tenantId}/${fact.data.schedule_id}`;
}
