import { type EventData, type Fact, type ScheduleSpec } from '@fluxforge/events/catalogue';
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

type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;
type Next = { readonly next_due_ms?: number; readonly next_ms?: number };

const lookAheadMs = 2 * 3_600_000;
/** Between a decision and the time that its batch is given. */
const slackMs = 1_000;

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
  private readonly promised = new Set<string>();

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

  private created(fact: Of<'schedule.created'>): void {
    const key = keyOf(fact);
    insist(!this.schedules.has(key), 'schedules', () => `${key} created twice`);
    const { schedule_id: id, spec } = fact.data;
    const made = { tenantId: fact.tenantId, id, spec, suspended: false, nextDueMs: null, nextMs: null };
    this.schedules.set(key, made);
    this.begins(made, fact.data, fact.timeMs);
  }

  private updated(fact: Of<'schedule.updated'>): void {
    const schedule = this.find(fact);
    const { spec } = fact.data;
    const { cron, time_zone, jitter_ms } = schedule.spec;
    const same = cron === spec.cron && time_zone === spec.time_zone && jitter_ms === spec.jitter_ms;
    schedule.spec = spec;
    if (!same && !schedule.suspended) return this.begins(schedule, fact.data, fact.timeMs);
    const kept = (fact.data.next_due_ms ?? null) === schedule.nextDueMs;
    insist(kept, 'no due time is lost', () => `${keyOf(fact)} drops ${schedule.nextDueMs}`);
  }

  private suspended(fact: Of<'schedule.suspended'>): void {
    const schedule = this.find(fact);
    schedule.suspended = fact.data.suspended;
    if (!schedule.suspended) return this.begins(schedule, fact.data, fact.timeMs);
    schedule.nextDueMs = null;
    schedule.nextMs = null;
  }

  /** From now on: the first due time after the decision. */
  private begins(schedule: ScheduleState, next: Next, timeMs: number): void {
    this.takeNext(schedule, next, timeMs + 1, timeMs - slackMs);
  }

  private takeNext(schedule: ScheduleState, next: Next, fromMs: number, earliestMs: number): void {
    const { cron, time_zone: zone } = schedule.spec;
    const dueMs = next.next_due_ms ?? null;
    const what = `${schedule.id} (${cron} in ${zone})`;
    insist(dueMs !== null && next.next_ms !== undefined, 'no due time is lost', () => `${what} has no next`);
    insist(isDue(cron, zone, dueMs), 'no due time but the right ones', () => `${what}: ${dueMs}`);
    insist(dueMs > earliestMs, 'no due time twice', () => `${what}: ${dueMs}`);
    const [between] = dueIn(cron, zone, fromMs, Math.min(dueMs, fromMs + lookAheadMs));
    insist(between === undefined, 'no due time is lost', () => `${what}: ${between} before ${dueMs}`);
    schedule.nextDueMs = dueMs;
    schedule.nextMs = next.next_ms;
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
    insist(fact.timeMs >= dueMs, 'no due time too early', () => `${what} at ${fact.timeMs}`);
    const before = dueIn(spec.cron, spec.time_zone, nextDueMs, dueMs).length;
    insist(missed === before, 'no due time is lost', () => `${what} with ${missed} missed, not ${before}`);
    insist((taskId === undefined) !== (skipped === undefined), 'fired or skipped', () => what);
    this.counters.add('schedule fired');
    if (missed > 0) this.counters.add('schedule missed');
    this.late(schedule, fact.data, fact.timeMs, what);
    this.overlap(schedule, fact, what);
    if (taskId !== undefined) this.promised.add(`${fact.tenantId}/${taskId}`);
    this.takeNext(schedule, fact.data, dueMs + 1, dueMs);
  }

  private late(
    schedule: ScheduleState,
    data: EventData<'schedule.fired'>,
    timeMs: number,
    what: string,
  ): void {
    const lateMs = timeMs - (data.due_ms === schedule.nextDueMs ? schedule.nextMs! : data.due_ms);
    const { missed_after_ms: afterMs } = schedule.spec;
    if (data.skipped === 'missed') {
      insist(timeMs - data.due_ms > afterMs, 'missed when late', () => `${what}, ${lateMs} late, as missed`);
      this.counters.add('schedule missed');
    } else if (data.due_ms === schedule.nextDueMs) {
      insist(lateMs <= afterMs + slackMs, 'missed when late', () => `${what}, ${lateMs} of ${afterMs} late`);
    }
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
    insist(this.promised.delete(task), 'no due time twice', () => `${task} queued, and nothing fired`);
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

function keyOf(fact: Fact & { data: { schedule_id: string } }): string {
  return `${fact.tenantId}/${fact.data.schedule_id}`;
}
