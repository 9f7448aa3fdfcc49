import { type ChangeWindow } from '@fluxforge/events/catalogue';
import { isTimeZone, nextAfter, parseCron, type Cron } from '@fluxforge/domain/cron';

/**
 * Change windows. Each is open from every due time of its expression, for its duration of real time. Denied is
 * what lies in any `deny` window; else allowed is what lies in any `allow` window, and all of it when there is
 * none. What is looked for lies within five years; every search has a bound of its own.
 */
export type WindowState =
  | { readonly open: true; readonly untilMs: number }
  | { readonly open: false; readonly reason: WindowReason; readonly untilMs: number };

export type WindowReason = 'change_window_closed' | 'change_window_denied';

export function isWindowReason(reason: string): reason is WindowReason {
  return reason === 'change_window_closed' || reason === 'change_window_denied';
}

interface Window {
  readonly denies: boolean;
  /** Null: it cannot be read here. Then it allows nothing, or denies all. */
  readonly cron: Cron | null;
  readonly timeZone: string;
  readonly durationMs: number;
  /** Due at every minute, so never shut: its edges need not be walked. */
  readonly always: boolean;
}

interface Known {
  readonly windows: readonly Window[];
  /** The last answer, which holds until its own end. */
  fromMs: number;
  state: WindowState;
}

const minuteMs = 60_000;
const horizonMs = 5 * 366 * 24 * 3_600_000;
/** Due times computed for one answer. When there are more, `untilMs` is too early, and the question is asked again. */
const maxLooks = 2_000;
/** Of these, for how long one window stays open by being due again and again. */
const maxLooksToJoin = 128;
/** Due times computed before a set of windows counts as one that never opens. */
const maxLooksToOpen = 8_000;

/** By the list itself, which is never changed: a state's targets all ask the same. */
const known = new WeakMap<readonly ChangeWindow[], Known>();
const forever: WindowState = { open: true, untilMs: Infinity };

/** Whether a change may begin now, and until when that holds at least. */
export function windowAt(windows: readonly ChangeWindow[] | undefined, nowMs: number): WindowState {
  if (!windows || windows.length === 0) return forever;
  let entry = known.get(windows);
  if (entry && nowMs >= entry.fromMs && nowMs < entry.state.untilMs) return entry.state;
  const compiled = entry?.windows ?? windows.map(compile);
  entry = { windows: compiled, fromMs: nowMs, state: look(compiled, nowMs, { left: maxLooks }) };
  known.set(windows, entry);
  return entry.state;
}

export interface WindowFlaw {
  readonly index: number;
  readonly field: 'cron' | 'time_zone';
  readonly message: string;
}

/** The first window that cannot be read, or null. */
export function windowFlaw(windows: readonly ChangeWindow[]): WindowFlaw | null {
  for (const [index, window] of windows.entries()) {
    const { flaw } = parseCron(window.cron);
    if (flaw !== null) return { index, field: 'cron', message: flaw };
    if (!isTimeZone(window.time_zone)) {
      return { index, field: 'time_zone', message: 'is not the name of a time zone, such as Europe/Berlin' };
    }
  }
  return null;
}

/** No change could ever begin: not within five years, or not as far as can be seen with bounded work. */
export function neverOpens(windows: readonly ChangeWindow[], nowMs: number): boolean {
  const compiled = windows.map(compile);
  const state = look(compiled, nowMs, { left: maxLooksToOpen });
  if (state.open) return false;
  return state.untilMs >= nowMs + horizonMs || !momentary(compiled, state.untilMs, { left: 0 }).open;
}

function compile(window: ChangeWindow): Window {
  const { time_zone: timeZone, duration_ms: durationMs } = window;
  const { cron } = parseCron(window.cron);
  const readable = cron !== null && isTimeZone(timeZone);
  const denies = window.effect === 'deny';
  return { denies, cron: readable ? cron : null, timeZone, durationMs, always: readable && isAlways(cron) };
}

function isAlways({ minutes, hours, isDayOfMonth, isMonth, isDayOfWeek }: Cron): boolean {
  const all = (days: readonly boolean[]) => days.every(Boolean);
  const everyDay = all(isDayOfMonth.slice(1)) && all(isMonth.slice(1)) && all(isDayOfWeek);
  return everyDay && minutes.length === 60 && hours.length === 24;
}

interface Looks {
  left: number;
}

interface Momentary {
  readonly open: boolean;
  readonly denied: boolean;
  /** Until then nothing changes, whatever the edges of single windows. */
  readonly edgeMs: number;
}

function look(windows: readonly Window[], nowMs: number, looks: Looks): WindowState {
  const first = momentary(windows, nowMs, looks);
  let untilMs = first.edgeMs;
  while (looks.left > 0 && untilMs < nowMs + horizonMs) {
    const then = momentary(windows, untilMs, looks);
    if (then.open !== first.open) break;
    untilMs = then.edgeMs;
  }
  if (first.open) return { open: true, untilMs };
  return { open: false, reason: first.denied ? 'change_window_denied' : 'change_window_closed', untilMs };
}

function momentary(windows: readonly Window[], atMs: number, looks: Looks): Momentary {
  const ends = { deny: -Infinity, allow: -Infinity };
  const starts = { deny: Infinity, allow: Infinity };
  for (const window of windows) {
    const effect = window.denies ? 'deny' : 'allow';
    const endMs = shutsAt(window, atMs, looks);
    if (endMs !== null) ends[effect] = Math.max(ends[effect], endMs);
    else starts[effect] = Math.min(starts[effect], next(window, atMs, looks) ?? Infinity);
  }
  if (ends.deny > atMs) return { open: false, denied: true, edgeMs: ends.deny };
  const onlyDenials = windows.every(({ denies }) => denies);
  if (onlyDenials) return { open: true, denied: false, edgeMs: starts.deny };
  if (ends.allow <= atMs) return { open: false, denied: false, edgeMs: starts.allow };
  return { open: true, denied: false, edgeMs: Math.min(starts.deny, ends.allow) };
}

function next({ cron, timeZone }: Window, afterMs: number, looks: Looks): number | null {
  looks.left -= 1;
  return cron && nextAfter(cron, timeZone, afterMs);
}

/** When a window that is open at a time shuts (or a time before that), or null when it is not open. */
function shutsAt(window: Window, atMs: number, looks: Looks): number | null {
  if (window.always || (window.cron === null && window.denies)) return Infinity;
  const dueMs = next(window, atMs - window.durationMs, looks);
  if (dueMs === null || dueMs > atMs) return null;
  let endMs = dueMs + window.durationMs;
  const enough = looks.left - maxLooksToJoin;
  while (looks.left > Math.max(0, enough) && endMs < atMs + horizonMs) {
    const furtherMs = lateDue(window, endMs, looks);
    if (furtherMs === null) break;
    endMs = furtherMs + window.durationMs;
  }
  return endMs;
}

/** A due time, as late as is easily found, at which the window is still open at its end: it goes on. */
function lateDue(window: Window, endMs: number, looks: Looks): number | null {
  for (let backMs = minuteMs; ; backMs *= 2) {
    const dueMs = next(window, endMs - Math.min(backMs, window.durationMs), looks);
    if (dueMs !== null && dueMs <= endMs) return dueMs;
    if (backMs >= window.durationMs) return null;
  }
}
