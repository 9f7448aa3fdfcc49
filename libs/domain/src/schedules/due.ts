import { type ScheduleSpec } from '@fluxforge/events/catalogue';
import {
  countBetween,
  isTimeZone,
  lastBetween,
  nextAfter,
  parseCron,
  type Cron,
} from '@fluxforge/domain/cron';
import { drawFraction } from '@fluxforge/domain/kernel';
import { type Schedule } from './schedule.js';

export interface Due {
  readonly dueMs: number;
  /** With the jitter. */
  readonly atMs: number;
}

/** As many as are told apart; whoever was away that long does not need the exact number. */
const maxMissed = 10_000;

/** What keeps a schedule from ever firing, with the field's name, or null. */
export function scheduleFlaw(spec: ScheduleSpec, nowMs: number): string | null {
  const { cron, flaw } = parseCron(spec.cron);
  if (!cron) return `cron: ${flaw}`;
  if (!isTimeZone(spec.time_zone)) return 'time_zone: is not the name of a time zone, such as Europe/Berlin';
  return nextAfter(cron, spec.time_zone, nowMs) === null
    ? 'cron: names no time within the next five years'
    : null;
}

/** The due time after another time, with when it is to be fired. Null when there is none within five years. */
export function dueAfter(id: string, spec: ScheduleSpec, afterMs: number): Due | null {
  const { cron } = parseCron(spec.cron);
  const dueMs = cron && nextAfter(cron, spec.time_zone, afterMs);
  return cron && dueMs !== null ? { dueMs, atMs: fireAtMs(id, spec, cron, dueMs) } : null;
}

/** Jitter never reaches beyond the due time that follows: firings keep the order of their due times. */
function fireAtMs(id: string, spec: ScheduleSpec, cron: Cron, dueMs: number): number {
  if (spec.jitter_ms === 0) return dueMs;
  const following = nextAfter(cron, spec.time_zone, dueMs);
  const roomMs = following === null ? spec.jitter_ms : Math.min(spec.jitter_ms, following - dueMs);
  return dueMs + Math.floor(drawFraction(`${id}:${dueMs}`) * roomMs);
}

export interface Turn {
  /** The due time to deal with: the latest whose time has come. */
  readonly due: Due;
  /** Those before it that nobody was there to fire. */
  readonly missed: number;
  readonly next: Due | null;
}

/**
 * What a schedule has to deal with now. After an outage several may be due: the latest is dealt with, and those
 * before it are missed. Data of time zones may have changed since `nextDueMs` was written; it holds all the same.
 */
export function turnOf(schedule: Schedule, firstDueMs: number, firstAtMs: number, nowMs: number): Turn {
  const { id, spec } = schedule;
  const first = { dueMs: firstDueMs, atMs: firstAtMs };
  const { cron } = parseCron(spec.cron);
  if (!cron) return { due: first, missed: 0, next: null };
  const due = latest(id, spec, cron, first, nowMs);
  const between =
    due === first ? 0 : 1 + countBetween(cron, spec.time_zone, firstDueMs, due.dueMs, maxMissed - 1);
  return { due, missed: between, next: dueAfter(id, spec, due.dueMs) };
}

function latest(id: string, spec: ScheduleSpec, cron: Cron, first: Due, nowMs: number): Due {
  let toMs = nowMs;
  // Of the last two, one has its jitter behind it, for it ends before the next is due.
  for (let tries = 0; tries < 2; tries++) {
    const dueMs = lastBetween(cron, spec.time_zone, first.dueMs, toMs);
    if (dueMs === null) return first;
    const atMs = fireAtMs(id, spec, cron, dueMs);
    if (atMs <= nowMs) return { dueMs, atMs };
    toMs = dueMs - 1;
  }
  return first;
}
