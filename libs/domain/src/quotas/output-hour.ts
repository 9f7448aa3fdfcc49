import {
  type AttemptOutcome,
  type Limits,
  type OutputSummary,
  type TaskSpec,
} from '@fluxforge/events/catalogue';

const hourMs = 3_600_000;
/** `output_limit_bytes` is of each stream, and a run has two. */
const streams = 2;

/**
 * What the runs that were leased in one UTC hour have printed or may print yet. A lease counts with all it may
 * print; its end puts that right, if the hour is still the same. An hour that is over counts for nothing.
 */
export interface OutputHour {
  readonly startMs: number;
  readonly bytes: number;
}

export const noOutput: OutputHour = { startMs: 0, bytes: 0 };

export function hourOf(timeMs: number): number {
  return timeMs - (timeMs % hourMs);
}

export function nextHourMs(timeMs: number): number {
  return hourOf(timeMs) + hourMs;
}

/** The most that one run can print. */
export function reservedBytes(spec: Pick<TaskSpec, 'output_limit_bytes'>): number {
  return spec.output_limit_bytes * streams;
}

/** The largest `output_limit_bytes` that fits the quota. */
export function largestOutputLimit(limits: Limits | undefined): number {
  return Math.floor((limits?.output_bytes_per_hour ?? Infinity) / streams);
}

export function usedBytes(hour: OutputHour, nowMs: number): number {
  return hour.startMs === hourOf(nowMs) ? hour.bytes : 0;
}

/** A run that may print more than the tenant may in an hour can never start. */
export function neverFits(limits: Limits, spec: Pick<TaskSpec, 'output_limit_bytes'>): boolean {
  return reservedBytes(spec) > (limits.output_bytes_per_hour ?? Infinity);
}

export function hasOutputRoom(hour: OutputHour, limits: Limits, bytes: number, nowMs: number): boolean {
  return usedBytes(hour, nowMs) + bytes <= (limits.output_bytes_per_hour ?? Infinity);
}

export function reserve(hour: OutputHour, bytes: number, atMs: number): OutputHour {
  return { startMs: hourOf(atMs), bytes: usedBytes(hour, atMs) + bytes };
}

export interface EndOfRun {
  readonly outcome?: AttemptOutcome;
  readonly output?: OutputSummary;
}

/** What an ended run is counted with: all that it might have printed, if nobody says what it did. */
function printedBytes(run: EndOfRun, reserved: number): number {
  if (run.outcome === 'refused' || run.outcome === 'spawn_failed') return 0;
  if (!run.output) return reserved;
  // The agent keeps no more than the limit, whatever it counted.
  return Math.min(reserved, run.output.stdout_bytes + run.output.stderr_bytes);
}

/** The end of a run that was leased at `leasedAtMs`. */
export function settle(hour: OutputHour, run: EndOfRun, reserved: number, leasedAtMs: number): OutputHour {
  if (hour.startMs !== hourOf(leasedAtMs)) return hour;
  return { startMs: hour.startMs, bytes: hour.bytes - reserved + printedBytes(run, reserved) };
}
