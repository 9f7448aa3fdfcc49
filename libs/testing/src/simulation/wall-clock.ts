import { type ChangeWindow } from '@fluxforge/events/catalogue';

/**
 * When cron expressions are due, found minute by minute by looking at the wall clock of a zone. Written apart from
 * the production code that it judges, and only for the expressions that the simulation draws: numbers, lists, `*`
 * and `* / n` in the first two fields, stars in the others.
 */
const minuteMs = 60_000;
const longestRepeatMinutes = 180;

const clocks = new Map<string, { format: Intl.DateTimeFormat; seen: Map<number, number> }>();

/** Minutes since 1970 on the wall of a zone, at a minute since 1970. */
function wallAt(zone: string, minute: number): number {
  let clock = clocks.get(zone);
  if (!clock) {
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    clocks.set(zone, (clock = { format, seen: new Map() }));
  }
  let wall = clock.seen.get(minute);
  if (wall === undefined) {
    // 2026-03-29 03:00:00
    wall = Date.parse(`${clock.format.format(minute * minuteMs).replace(' ', 'T')}Z`) / minuteMs;
    if (clock.seen.size > 50_000) clock.seen.clear();
    clock.seen.set(minute, wall);
  }
  return wall;
}

function fits(field: string, value: number): boolean {
  if (field === '*') return true;
  if (field.startsWith('*/')) return value % Number(field.slice(2)) === 0;
  return field.split(',').map(Number).includes(value);
}

function names(cron: string, wall: number): boolean {
  const [minute, hour] = cron.split(' ') as [string, string];
  return fits(minute, wall % 60) && fits(hour, Math.floor(wall / 60) % 24);
}

export function isDue(cron: string, zone: string, atMs: number): boolean {
  if (atMs % minuteMs !== 0) return false;
  const minute = atMs / minuteMs;
  const wall = wallAt(zone, minute);
  if (cron.split(' ')[1]!.startsWith('*')) return names(cron, wall);
  for (let skipped = wallAt(zone, minute - 1) + 1; skipped < wall; skipped++) {
    if (names(cron, skipped)) return true;
  }
  if (!names(cron, wall)) return false;
  for (let back = 1; back <= longestRepeatMinutes; back++) {
    if (wallAt(zone, minute - back) === wall) return false;
  }
  return true;
}

/** Due times from one time (taken in) to another (left out). */
export function dueIn(cron: string, zone: string, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  for (let atMs = Math.ceil(fromMs / minuteMs) * minuteMs; atMs < toMs; atMs += minuteMs) {
    if (isDue(cron, zone, atMs)) found.push(atMs);
  }
  return found;
}

export function isOpen(windows: readonly ChangeWindow[], atMs: number): boolean {
  const covers = ({ cron, time_zone, duration_ms }: ChangeWindow) =>
    dueIn(cron, time_zone, atMs - duration_ms + 1, atMs + 1).length > 0;
  if (windows.some((one) => one.effect === 'deny' && covers(one))) return false;
  const allowed = windows.filter(({ effect }) => effect === 'allow');
  return allowed.length === 0 || allowed.some(covers);
}
