import { dayMs, minuteMs, nextLocal } from './calendar.js';
import { type Cron } from './parse.js';
import { changeBetween, offsetAt, zoneOf, type Zone } from './zones.js';

/**
 * When a cron expression is due. It names local times; where the clocks are changed, local times are missing or
 * come twice, and what then holds is Vixie cron's rule:
 *
 * - An expression with a fixed hour (its hour field does not begin with `*`) fires once for each local time that
 *   it names. One that does not exist fires at the first instant after the gap, together with all others of
 *   the gap and with that instant's own; one that comes twice fires at its first occurrence.
 * - An expression with a wildcard hour follows real time: it fires at every instant at which the wall clock
 *   shows a time that it names, so through the repeated hour as through any other, and not for a missing one.
 */

/** Beyond this no time is computed: the range of dates ends later, and nobody waits so long. The year 9999. */
const endOfTimeMs = 253_402_300_800_000;
const maxSteps = 2_000;

/** The first due time strictly after `afterMs`; null when none comes within 5 years, or the zone is unknown. */
export function nextAfter(cron: Cron, timeZone: string, afterMs: number): number | null {
  const zone = zoneOf(timeZone);
  if (!zone || !Number.isFinite(afterMs) || afterMs >= endOfTimeMs) return null;
  return cron.wildHour ? nextWild(cron, zone, afterMs) : nextFixed(cron, zone, afterMs);
}

/** Local times are in the order of their instants, so the first whose instant lies after is the one. */
function nextFixed(cron: Cron, zone: Zone, afterMs: number): number | null {
  let localMs = afterMs + offsetAt(zone, afterMs);
  for (let steps = 0; steps < maxSteps; steps++) {
    const found = nextLocal(cron, localMs);
    if (found === null) return null;
    const atMs = firstInstant(zone, found);
    if (atMs > afterMs) return atMs;
    localMs = found + minuteMs;
  }
  return null;
}

/** The first instant at which the wall clock shows this, or the first after the gap that it lies in. */
function firstInstant(zone: Zone, localMs: number): number {
  const early = offsetAt(zone, localMs - dayMs);
  const late = offsetAt(zone, localMs + dayMs);
  if (early === late) return localMs - early;
  // The earlier offset first: where both fit, it is that of the first occurrence.
  if (offsetAt(zone, localMs - early) === early) return localMs - early;
  if (offsetAt(zone, localMs - late) === late) return localMs - late;
  return changeBetween(zone, localMs - late, localMs - early);
}

/** Goes from one change of the offset to the next, for after each the wall clock may show a named time again. */
function nextWild(cron: Cron, zone: Zone, afterMs: number): number | null {
  let fromMs = afterMs + 1;
  for (let steps = 0; steps < maxSteps; steps++) {
    const offset = offsetAt(zone, fromMs);
    const found = nextLocal(cron, fromMs + offset);
    if (found === null) return null;
    const atMs = found - offset;
    const nearMs = Math.min(atMs, fromMs + dayMs);
    const changeMs = changeBetween(zone, fromMs, nearMs);
    if (changeMs <= nearMs) fromMs = changeMs;
    else if (atMs <= nearMs) return atMs;
    // Nothing is named between: only a change shortly before the time found can still move it.
    else fromMs = Math.max(nearMs, atMs - dayMs);
  }
  return null;
}
