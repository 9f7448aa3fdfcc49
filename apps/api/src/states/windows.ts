import { windowEffects, type ChangeWindow } from '@fluxforge/events/catalogue';
import { expandMacro } from '@fluxforge/domain/cron';
import { neverOpens } from '@fluxforge/domain/windows';
import { durationMs, formatDuration } from '../durations/index.js';
import { cronField, duration, listOf, objectOf, oneOf, timeZoneField, type Check } from '../fields/index.js';
import { ProblemError } from '../http/index.js';

/** A change window as it is declared. */
export interface WindowBody {
  readonly effect: 'allow' | 'deny';
  readonly cron: string;
  readonly time_zone: string;
  readonly duration: string;
}

const maxWindows = 16;
const minute = 60_000;
const day = 24 * 60 * minute;

export const windowList: Check = listOf(
  objectOf({
    effect: { check: oneOf(windowEffects.values), required: true },
    cron: { check: cronField, required: true },
    time_zone: { check: timeZoneField, required: true },
    duration: { check: duration({ min: minute, max: 31 * day }), required: true },
  }),
  { min: 0, max: maxWindows },
);

export function windowsOf(bodies: readonly WindowBody[]): ChangeWindow[] {
  return bodies.map(({ effect, cron, time_zone, duration: span }) => ({
    effect,
    cron: expandMacro(cron.trim()),
    time_zone,
    duration_ms: durationMs(span),
  }));
}

export function windowBodies(windows: readonly ChangeWindow[]): WindowBody[] {
  return windows.map(({ duration_ms, ...rest }) => ({ ...rest, duration: formatDuration(duration_ms) }));
}

/** @throws ProblemError when no remediation could ever begin. The owner refuses such a state as well. */
export function refuseShutWindows(windows: readonly ChangeWindow[] | undefined, nowMs: number): void {
  if (!windows || windows.length === 0 || !neverOpens(windows, nowMs)) return;
  const message = 'no remediation could begin in the next five years';
  const errors = [{ field: 'windows', code: 'inconsistent' as const, message }];
  throw new ProblemError('invalid', `windows: ${message}`, { errors });
}
