import {
  type Command,
  type Decided,
  type JournalEventBody,
  type ScheduleSpec,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, canonicalText, decided, rejected } from '@fluxforge/domain/kernel';
import { submissionRateText } from '@fluxforge/domain/quotas';
import { declaredBytesRefusal } from '@fluxforge/domain/tenant';
import { dueAfter, scheduleFlaw, type Due } from './due.js';
import { contentOf, deletedKeptMs, type Schedule, type ScheduleBook } from './schedule.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
type Of<T extends TasksCommandBody['type']> = Command<Extract<TasksCommandBody, { type: T }>>;
export type ScheduleCommand = Of<
  'schedule.create' | 'schedule.update' | 'schedule.suspend' | 'schedule.delete'
>;

export interface ScheduleLimits {
  readonly maxSchedules: number;
  readonly maxBytes: number;
  /** The tenant may submit one more now: a schedule is one submission, its firings are none. */
  readonly withinRate: boolean;
}

/** `nowMs` is not before the latest fact: no due time comes again because a new owner's clock is behind. */
export function decideSchedule(
  book: ScheduleBook | undefined,
  command: ScheduleCommand,
  nowMs: number,
  limits: ScheduleLimits,
): Answer {
  if (!book) return [rejected(command, 'not_found', 'There is no such tenant.')];
  switch (command.type) {
    case 'schedule.create':
      return create(book, command, nowMs, limits);
    case 'schedule.update':
      return update(book, command, nowMs, limits);
    case 'schedule.suspend':
      return suspend(book, command, nowMs);
    case 'schedule.delete':
      return remove(book, command);
  }
}

function create(
  book: ScheduleBook,
  command: Of<'schedule.create'>,
  nowMs: number,
  { maxSchedules, maxBytes, withinRate }: ScheduleLimits,
): Answer {
  const { schedule_id: id, name, spec } = command.data;
  const present = book.schedules.get(id);
  // Compared with what was first created: a late repetition is no conflict with an update since then.
  if (present?.createdAs === contentOf(name, spec)) return [accepted(command, id)];
  if (present) return [rejected(command, 'already_exists', `schedule ${id} exists with other content`, id)];
  const deletedAtMs = book.deleted.get(id);
  if (deletedAtMs !== undefined && nowMs - deletedAtMs < deletedKeptMs) {
    return [rejected(command, 'gone', `schedule ${id} was deleted`, id)];
  }
  const flaw = scheduleFlaw(spec, nowMs);
  if (flaw !== null) return [rejected(command, 'invalid', flaw, id)];
  if (book.schedules.size >= maxSchedules) {
    return [rejected(command, 'quota_exceeded', `a tenant has at most ${maxSchedules} schedules`, id)];
  }
  const full = declaredBytesRefusal(command.data, null, { used: book.bytes, most: maxBytes });
  if (full !== null) return [rejected(command, 'quota_exceeded', full, id)];
  if (!withinRate) return [overRate(command, id)];
  const next = nextFields(dueAfter(id, spec, nowMs));
  const data = { schedule_id: id, name, spec, generation: 1, ...next, charged: true } as const;
  return [decided('schedule.created', command.tenantId, id, data)];
}

function update(
  book: ScheduleBook,
  command: Of<'schedule.update'>,
  nowMs: number,
  { maxBytes, withinRate }: ScheduleLimits,
): Answer {
  const { schedule_id: id, name, spec } = command.data;
  const present = book.schedules.get(id);
  if (!present) return [notFound(command, id)];
  if (contentOf(present.name, present.spec) === contentOf(name, spec)) return [accepted(command, id)];
  const flaw = scheduleFlaw(spec, nowMs);
  if (flaw !== null) return [rejected(command, 'invalid', flaw, id)];
  const full = declaredBytesRefusal(command.data, present, { used: book.bytes, most: maxBytes });
  if (full !== null) return [rejected(command, 'quota_exceeded', full, id)];
  if (!withinRate) return [overRate(command, id)];
  const generation = present.generation + (canonicalText(present.spec) === canonicalText(spec) ? 0 : 1);
  const next = present.suspended ? {} : nextOfUpdated(present, spec, nowMs);
  const data = { schedule_id: id, name, spec, generation, ...next, charged: true } as const;
  return [decided('schedule.updated', command.tenantId, id, data)];
}

/** What is due stays due unless the times themselves are changed. */
function nextOfUpdated(present: Schedule, spec: ScheduleSpec, nowMs: number) {
  const { cron, time_zone, jitter_ms } = present.spec;
  const sameTimes = cron === spec.cron && time_zone === spec.time_zone && jitter_ms === spec.jitter_ms;
  if (!sameTimes) return nextFields(dueAfter(present.id, spec, nowMs));
  const { nextDueMs: dueMs, nextMs: atMs } = present;
  return nextFields(dueMs === null || atMs === null ? null : { dueMs, atMs });
}

function suspend(book: ScheduleBook, command: Of<'schedule.suspend'>, nowMs: number): Answer {
  const { schedule_id: id, suspended } = command.data;
  const present = book.schedules.get(id);
  if (!present) return [notFound(command, id)];
  if (present.suspended === suspended) return [accepted(command, id)];
  const next = suspended ? {} : nextFields(dueAfter(id, present.spec, nowMs));
  return [decided('schedule.suspended', command.tenantId, id, { schedule_id: id, suspended, ...next })];
}

/** What it has queued goes on. */
function remove(book: ScheduleBook, command: Of<'schedule.delete'>): Answer {
  const id = command.data.schedule_id;
  if (book.schedules.has(id)) {
    return [decided('schedule.deleted', command.tenantId, id, { schedule_id: id })];
  }
  return [book.deleted.has(id) ? accepted(command, id) : notFound(command, id)];
}

function overRate(command: ScheduleCommand, id: string) {
  return rejected(command, 'quota_exceeded', `quota_submission_rate: ${submissionRateText}`, id);
}

function notFound(command: ScheduleCommand, id: string) {
  return rejected(command, 'not_found', `there is no schedule ${id}`, id);
}

export function nextFields(next: Due | null): { next_due_ms?: number; next_ms?: number } {
  return next ? { next_due_ms: next.dueMs, next_ms: next.atMs } : {};
}
