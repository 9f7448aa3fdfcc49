import { Cron as Croner } from 'croner';
import fc from 'fast-check';
import { type ChangeWindow } from '@fluxforge/events/catalogue';
import { neverOpens, windowAt, windowFlaw } from './index.js';

const hourMs = 3_600_000;
const yearMs = 366 * 24 * hourMs;

function window(
  effect: 'allow' | 'deny',
  cron: string,
  hours: number,
  time_zone = 'Europe/Berlin',
): ChangeWindow {
  return { effect, cron, time_zone, duration_ms: hours * hourMs };
}

function at(windows: readonly ChangeWindow[], time: string) {
  const state = windowAt(windows, Date.parse(time));
  const untilMs = state.untilMs === Infinity ? null : new Date(state.untilMs).toISOString().slice(0, 16);
  return [state.open ? 'open' : state.reason, untilMs];
}

describe('change windows', () => {
  const nights = window('allow', '0 22 * * *', 6);
  const freeze = window('deny', '0 0 24 12 *', 72);

  it('none at all is always open', () => {
    expect(windowAt(undefined, 0)).toEqual({ open: true, untilMs: Infinity });
    expect(windowAt([], 0)).toEqual({ open: true, untilMs: Infinity });
  });

  it('an allow window shuts what lies outside it, and says when it opens', () => {
    expect(at([nights], '2026-06-10T19:59Z')).toEqual(['change_window_closed', '2026-06-10T20:00']);
    expect(at([nights], '2026-06-10T20:00Z')).toEqual(['open', '2026-06-11T02:00']);
    expect(at([nights], '2026-06-11T01:59Z')).toEqual(['open', '2026-06-11T02:00']);
    expect(at([nights], '2026-06-11T02:00Z')).toEqual(['change_window_closed', '2026-06-11T20:00']);
  });

  it('a deny window shuts what lies in it, and wins', () => {
    expect(at([freeze], '2026-12-20T00:00Z')).toEqual(['open', '2026-12-23T23:00']);
    expect(at([freeze], '2026-12-23T23:00Z')).toEqual(['change_window_denied', '2026-12-26T23:00']);
    // It lifts in the night of the 27th, and that night is allowed as well.
    expect(at([nights, freeze], '2026-12-25T21:30Z')).toEqual(['change_window_denied', '2026-12-26T23:00']);
    const untilNoon = window('deny', '0 0 24 12 *', 84);
    expect(at([nights, untilNoon], '2026-12-25T21:30Z')).toEqual([
      'change_window_denied',
      '2026-12-27T21:00',
    ]);
  });

  it('several that overlap are one', () => {
    const two = [window('allow', '0 8 * * *', 3), window('allow', '0 10 * * *', 3)];
    expect(at(two, '2026-06-10T06:30Z')).toEqual(['open', '2026-06-10T11:00']);
    expect(at([window('allow', '*/10 8-17 * * *', 0.25)], '2026-06-10T06:30Z')).toEqual([
      'open',
      '2026-06-10T16:05',
    ]);
  });

  it('lasts its time by the clock on the wall or not: what counts is real time', () => {
    const night = window('allow', '0 1 * * *', 3);
    expect(at([night], '2026-03-29T00:30Z')).toEqual(['open', '2026-03-29T03:00']);
    expect(at([night], '2026-10-25T00:30Z')).toEqual(['open', '2026-10-25T02:00']);
    const missing = window('allow', '30 2 * * *', 1);
    expect(at([missing], '2026-03-29T01:30Z')).toEqual(['open', '2026-03-29T02:00']);
  });

  it('one that cannot be read allows nothing, and denies all', () => {
    expect(at([window('allow', 'x', 1)], '2026-01-01T00:00Z')).toEqual(['change_window_closed', null]);
    expect(at([window('deny', '0 0 1 1 *', 1, 'Mars/Olympus')], '2026-06-01T00:00Z')).toEqual([
      'change_window_denied',
      null,
    ]);
  });
});

describe('a set of windows', () => {
  const nowMs = Date.parse('2026-05-05T05:05Z');
  const always = window('deny', '* * * * *', 1);
  it.each<[string, boolean, ChangeWindow[]]>([
    ['allows a leap day', false, [window('allow', '0 0 29 2 *', 1)]],
    ['allows the 30th of February', true, [window('allow', '0 0 30 2 *', 1)]],
    ['denies every minute', true, [always]],
    ['denies every minute, and allows nights', true, [window('allow', '0 22 * * *', 6), always]],
    ['denies each hour for an hour', true, [window('deny', '0 * * * *', 1)]],
    [
      'denies each day but a Sunday in May',
      false,
      [window('deny', '0 0 * 1-4,6-12 *', 24), window('deny', '0 0 * * 1-6', 24)],
    ],
    ['denies each day for a day', true, [window('deny', '0 0 * * *', 25)]],
    ['allows what is denied', true, [window('allow', '0 9 * * *', 1), window('deny', '0 8 * * *', 3)]],
    [
      'allows a little more than is denied',
      false,
      [window('allow', '0 9 * * *', 2), window('deny', '0 8 * * *', 2)],
    ],
    ['is empty', false, []],
  ])('that %s: never opens is %s', (_, never, windows) => {
    expect(neverOpens(windows, nowMs)).toBe(never);
  });

  it('is judged with bounded work, however it is made', () => {
    const bombs = Array.from({ length: 16 }, (_, i) => ({
      ...window(i % 2 ? 'deny' : 'allow', `0-58 * * * ${i % 7}`, 1),
      duration_ms: 60_000 + i,
    }));
    const started = performance.now();
    neverOpens(bombs, nowMs);
    windowAt(bombs, nowMs);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('names what cannot be read', () => {
    const good = window('allow', '0 22 * * *', 6);
    expect(windowFlaw([good])).toBeNull();
    expect(windowFlaw([good, window('deny', '0 25 * * *', 6)])).toMatchObject({ index: 1, field: 'cron' });
    expect(windowFlaw([window('deny', '0 2 * * *', 6, 'Nowhere')])).toMatchObject({
      index: 0,
      field: 'time_zone',
    });
  });
});

/** By another implementation, and by looking back instead of at edges. Days without a change of the clock. */
function oracle(windows: readonly ChangeWindow[], atMs: number): boolean {
  const covers = ({ cron, time_zone: timezone, duration_ms }: ChangeWindow) => {
    const due = new Croner(cron, { timezone }).nextRun(new Date(atMs - duration_ms))?.getTime();
    return due !== undefined && due <= atMs;
  };
  if (windows.some((one) => one.effect === 'deny' && covers(one))) return false;
  const allow = windows.filter(({ effect }) => effect === 'allow');
  return allow.length === 0 || allow.some(covers);
}

it('is open where an independent look back says so, and stays so until the end that it names', () => {
  const cron = fc
    .tuple(
      fc.constantFrom('0', '30', '*/20', '5,50'),
      fc.constantFrom('*', '*/5', '3', '22', '8-17'),
      fc.constantFrom('*', '1-5', '0'),
    )
    .map(([minute, hour, day]) => `${minute} ${hour} * * ${day}`);
  const one = fc.record({
    effect: fc.constantFrom('allow' as const, 'deny' as const),
    cron,
    time_zone: fc.constantFrom('UTC', 'Asia/Kathmandu', 'Asia/Tokyo'),
    duration_ms: fc.constantFrom(60_000, 20 * 60_000, hourMs, 5 * hourMs, 30 * hourMs),
  });
  const startMs = Date.parse('2026-05-01');
  fc.assert(
    fc.property(
      fc.array(one, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 30 * 24 * 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (windows, minutes, part) => {
        const nowMs = startMs + minutes * 60_000;
        const state = windowAt(windows, nowMs);
        expect(state.open).toBe(oracle(windows, nowMs));
        expect(state.untilMs).toBeGreaterThan(nowMs);
        if (state.untilMs > nowMs + yearMs) return;
        const betweenMs = nowMs + Math.floor((state.untilMs - nowMs) * part);
        expect(oracle(windows, betweenMs)).toBe(state.open);
        // Where there are very many edges it may end too early, and is asked again.
        const flips = oracle(windows, state.untilMs) !== state.open;
        expect(flips || state.untilMs > nowMs + 6 * hourMs).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
