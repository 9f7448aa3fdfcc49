import { dayMs, daysTo } from './calendar.js';

/**
 * Offsets of IANA time zones from UTC, by the runtime's own data (`Intl`), which is asked as seldom as can be: one
 * question costs about a microsecond, and making a formatter far more. A zone is taken to change at most once
 * in a UTC day, which has held everywhere since 1970.
 */
interface ZoneDay {
  readonly before: number;
  /** When the offset changes in this day; infinity when it does not. */
  readonly changesAtMs: number;
  readonly after: number;
}

export interface Zone {
  readonly name: string;
  readonly format: Intl.DateTimeFormat;
  readonly days: Map<number, ZoneDay>;
}

const maxZones = 600;
const maxDaysPerZone = 512;
const zones = new Map<string, Zone>();

/** Null when the runtime knows no such zone. Offsets such as `+01:00` are no zones. */
export function zoneOf(name: string): Zone | null {
  const found = zones.get(name);
  if (found) return found;
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return null;
  const zone = makeZone(name);
  if (!zone) return null;
  if (zones.size >= maxZones) zones.clear();
  zones.set(name, zone);
  return zone;
}

function makeZone(name: string): Zone | null {
  const numeric = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' } as const;
  const clock = { minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, ...numeric, ...clock });
    return { name, format, days: new Map() };
  } catch (error: unknown) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Local time is `utcMs + offsetAt(...)`, read as if it were UTC. */
export function offsetAt(zone: Zone, utcMs: number): number {
  const day = zoneDay(zone, Math.floor(utcMs / dayMs));
  return utcMs < day.changesAtMs ? day.before : day.after;
}

/** The first change of the offset after `fromMs` and not after `toMs`, or infinity. Looks at each day between. */
export function changeBetween(zone: Zone, fromMs: number, toMs: number): number {
  for (let day = Math.floor(fromMs / dayMs); day * dayMs <= toMs; day++) {
    const { changesAtMs } = zoneDay(zone, day);
    if (changesAtMs > fromMs && changesAtMs <= toMs) return changesAtMs;
  }
  return Infinity;
}

function zoneDay(zone: Zone, day: number): ZoneDay {
  const found = zone.days.get(day);
  if (found) return found;
  const fromMs = day * dayMs;
  const before = askOffset(zone, fromMs - 1);
  const after = askOffset(zone, fromMs + dayMs - 1);
  const changesAtMs = before === after ? Infinity : changeIn(zone, fromMs, before);
  const made = { before, changesAtMs, after };
  if (zone.days.size >= maxDaysPerZone) zone.days.clear();
  zone.days.set(day, made);
  return made;
}

/** Zones change at whole seconds. */
function changeIn(zone: Zone, fromMs: number, before: number): number {
  let low = fromMs - 1000;
  let high = fromMs + dayMs;
  while (high - low > 1000) {
    const middle = low + Math.floor((high - low) / 2000) * 1000;
    if (askOffset(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function askOffset(zone: Zone, utcMs: number): number {
  const second = Math.floor(utcMs / 1000) * 1000;
  // 03/29/2026, 03:00:00
  const text = zone.format.format(second);
  const at = (from: number, to: number) => Number(text.slice(from, to));
  const days = daysTo(at(6, 10), at(0, 2), at(3, 5));
  const seconds = ((days * 24 + at(12, 14)) * 60 + at(15, 17)) * 60 + at(18, 20);
  return seconds * 1000 - second;
}

export function isTimeZone(name: string): boolean {
  return zoneOf(name) !== null;
}
