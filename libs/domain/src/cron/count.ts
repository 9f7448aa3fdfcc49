import { dayMs, fitsDay, minuteMs } from './calendar.js';
import { nextAfter } from './next-after.js';
import { type Cron } from './parse.js';
import { changeBetween, offsetAt, zoneOf, type Zone } from './zones.js';

/**
 * How many times are due after `fromMs` and before `toMs`, counted up to `max`. Days that are far from any change of
 * the clock are counted whole, so a long outage of a busy schedule costs no more than its days.
 */
export function countBetween(
  cron: Cron,
  timeZone: string,
  fromMs: number,
  toMs: number,
  max: number,
): number {
  const zone = zoneOf(timeZone);
  if (!zone) return 0;
  let count = 0;
  let atMs = fromMs;
  while (count < max) {
    if (atMs + dayMs < toMs && isCalm(zone, atMs)) {
      count += inDay(cron, atMs + offsetAt(zone, atMs));
      atMs += dayMs;
      continue;
    }
    const next = nextAfter(cron, timeZone, atMs);
    if (next === null || next >= toMs) return count;
    count += 1;
    atMs = next;
  }
  return max;
}

/** The last due time at or before `atMs` and after `fromMs`, or null. Looks back in steps that double. */
export function lastBetween(cron: Cron, timeZone: string, fromMs: number, atMs: number): number | null {
  for (let backMs = minuteMs; ; backMs *= 2) {
    const found = nextAfter(cron, timeZone, Math.max(fromMs, atMs - backMs));
    if (found !== null && found <= atMs) return lastFrom(cron, timeZone, found, atMs);
    if (atMs - backMs <= fromMs) return null;
  }
}

function lastFrom(cron: Cron, timeZone: string, dueMs: number, atMs: number): number {
  let found = dueMs;
  for (;;) {
    const next = nextAfter(cron, timeZone, found);
    if (next === null || next > atMs) return found;
    found = next;
  }
}

function isCalm(zone: Zone, atMs: number): boolean {
  return changeBetween(zone, atMs - dayMs, atMs + 2 * dayMs) === Infinity;
}

/** Of the 24 hours of the wall clock after a local time, that time itself left out and the last taken in. */
function inDay(cron: Cron, afterLocalMs: number): number {
  const minute = Math.floor(afterLocalMs / minuteMs);
  const day = Math.floor(minute / 1440);
  const passed = upTo(cron, minute - day * 1440);
  const all = cron.hours.length * cron.minutes.length;
  return (fitsDay(cron, day) ? all - passed : 0) + (fitsDay(cron, day + 1) ? passed : 0);
}

function upTo(cron: Cron, minuteOfDay: number): number {
  const hour = Math.floor(minuteOfDay / 60);
  const before = cron.hours.filter((one) => one < hour).length * cron.minutes.length;
  if (!cron.hours.includes(hour)) return before;
  return before + cron.minutes.filter((one) => one <= minuteOfDay - hour * 60).length;
}
