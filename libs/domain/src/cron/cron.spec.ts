import { Cron as Croner } from 'croner';
import fc from 'fast-check';
import { countBetween, isTimeZone, lastBetween, nextAfter, parseCron, type Cron } from './index.js';

function cronOf(text: string): Cron {
  const { cron, flaw } = parseCron(text);
  if (!cron) throw new Error(flaw);
  return cron;
}

/** The next `count` due times after an instant, in UTC. */
function due(text: string, zone: string, after: string, count = 3): string[] {
  const times: string[] = [];
  let atMs = Date.parse(after);
  for (let i = 0; i < count; i++) {
    const next = nextAfter(cronOf(text), zone, atMs);
    if (next === null) break;
    times.push(new Date(next).toISOString().slice(0, 16));
    atMs = next;
  }
  return times;
}

describe('a cron expression', () => {
  it.each([
    ['', 'has 0 fields, not 5'],
    ['* * * *', 'has 4 fields, not 5'],
    ['* * * * * *', 'has 6 fields, not 5'],
    ['60 * * * *', 'minute: "60" is not a number from 0 to 59'],
    ['* 24 * * *', 'hour: "24" is not a number from 0 to 23'],
    ['* * 0 * *', 'day of month: "0" is not a number from 1 to 31'],
    ['* * * 13 *', 'month: "13" is not a number from 1 to 12 or a name such as FEB'],
    ['* * * * 8', 'day of week: "8" is not a number from 0 to 7 or a name such as MON'],
    ['* * * * MOO', 'day of week: "MOO" is not'],
    ['*/0 * * * *', 'minute: "*/0" has a step that is not a number from 1 to 59'],
    ['*/x * * * *', 'minute: "*/x" has a step'],
    ['1/2 * * * *', 'minute: "1/2" has a step, which needs a range or `*`'],
    ['*/2/3 * * * *', 'minute: "*/2/3" has more than one step'],
    ['5-1 * * * *', 'minute: "5-1" is a range that runs backwards'],
    ['1-2-3 * * * *', 'minute: "1-2-3" is no range of two values'],
    ['1,,2 * * * *', 'minute: "" is not a number'],
    ['-1 * * * *', 'minute: "-1" is not a number'],
    ['1e1 * * * *', 'minute: "1e1" is not a number'],
    ['* * L * *', 'day of month: "L" is not a number'],
    ['@reboot', 'has 1 fields, not 5'],
    ['constructor', 'has 1 fields, not 5'],
    [`${'1,'.repeat(200)}1 * * * *`, 'has 409 characters, more than 256'],
  ])('%s is refused with the place and the reason', (text, flaw) => {
    expect(parseCron(text).flaw).toContain(flaw);
  });

  it('reads names, lists, ranges, steps and the macros', () => {
    expect(cronOf('0-30/10,45 */6 1,15 jan-Mar/2 mon-fri')).toMatchObject({
      minutes: [0, 10, 20, 30, 45],
      hours: [0, 6, 12, 18],
      wildHour: true,
      bothDayFields: false,
    });
    expect(cronOf(' @hourly ')).toEqual(cronOf('0 * * * *'));
    expect(cronOf('0 0 * * 7')).toEqual(cronOf('0 0 * * sun'));
    expect(cronOf('0 0 * * 5-7')).toEqual(cronOf('0 0 * * 0,5,6'));
  });

  it('takes long lists in linear time', () => {
    const started = performance.now();
    for (let i = 0; i < 1_000; i++) parseCron(`${'0-59,'.repeat(49)}0 * * * *`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('restricted in both day fields names the days of either; with a star in one, of both', () => {
    expect(due('0 0 13 * FRI', 'UTC', '2026-03-01T00:00Z', 4)).toEqual([
      '2026-03-06T00:00',
      '2026-03-13T00:00',
      '2026-03-20T00:00',
      '2026-03-27T00:00',
    ]);
    expect(due('0 0 13 * FRI', 'UTC', '2026-04-10T00:00Z', 1)).toEqual(['2026-04-13T00:00']);
    expect(due('0 0 */2 * FRI', 'UTC', '2026-03-01T00:00Z', 2)).toEqual([
      '2026-03-13T00:00',
      '2026-03-27T00:00',
    ]);
  });

  it('that names no day never comes; one of leap days does', () => {
    expect(due('0 0 30 2 *', 'UTC', '2026-01-01T00:00Z')).toEqual([]);
    expect(due('0 0 31 4,6,9,11 *', 'Europe/Berlin', '2026-01-01T00:00Z')).toEqual([]);
    expect(due('0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', 2)).toEqual([
      '2028-02-29T00:00',
      '2032-02-29T00:00',
    ]);
    expect(nextAfter(cronOf('* * * * *'), 'UTC', 8.64e15)).toBeNull();
    expect(nextAfter(cronOf('* * * * *'), 'UTC', NaN)).toBeNull();
  });

  it('comes strictly after', () => {
    expect(due('* * * * *', 'UTC', '2026-01-01T00:00:00.000Z', 1)).toEqual(['2026-01-01T00:01']);
    expect(due('* * * * *', 'UTC', '2025-12-31T23:59:59.999Z', 1)).toEqual(['2026-01-01T00:00']);
  });
});

describe('time zones', () => {
  it('are those that the runtime knows by name', () => {
    expect(['UTC', 'Europe/Berlin', 'America/Argentina/Ushuaia', 'Etc/GMT+5'].map(isTimeZone)).toEqual(
      Array.from({ length: 4 }, () => true),
    );
    const bad = [
      '',
      'Mars/Olympus',
      '+01:00',
      'Europe/Berlin ',
      '../etc/passwd',
      'x'.repeat(1_000),
      '\u0000',
    ];
    expect(bad.map(isTimeZone)).toEqual(bad.map(() => false));
    expect(nextAfter(cronOf('* * * * *'), 'Mars/Olympus', 0)).toBeNull();
  });
});

describe('where the clock is put forward', () => {
  it.each([
    // Berlin, 2026-03-29: 02:00 CET becomes 03:00 CEST, at 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['0 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:00']],
    ['0,30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-29T01:30']],
    ['*/15 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:00']],
    ['30 * * * *', 'Europe/Berlin', '2026-03-29T00:00Z', ['2026-03-29T00:30', '2026-03-29T01:30']],
    ['0 */2 * * *', 'Europe/Berlin', '2026-03-28T22:30Z', ['2026-03-28T23:00', '2026-03-29T02:00']],
    // New York, 2026-03-08: 02:00 EST becomes 03:00 EDT, at 07:00 UTC.
    ['15 2 * * *', 'America/New_York', '2026-03-08T00:00Z', ['2026-03-08T07:00', '2026-03-09T06:15']],
    // Lord Howe, 2026-10-04: 02:00 becomes 02:30, at 15:30 UTC of the day before.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    ['15,30 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    ['*/20 * * * *', 'Australia/Lord_Howe', '2026-10-03T14:50Z', ['2026-10-03T15:10', '2026-10-03T15:40']],
    // Sao Paulo, 2018-11-04: midnight becomes 01:00, at 03:00 UTC.
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00Z', ['2018-11-04T03:00', '2018-11-05T02:00']],
    // Apia, 2011-12-30 does not exist at all.
    ['0 9 30 12 *', 'Pacific/Apia', '2011-12-01T00:00Z', ['2011-12-30T10:00', '2012-12-29T19:00']],
  ])('%s in %s', (text, zone, after, expected) => {
    expect(due(text, zone, after, expected.length)).toEqual(expected);
  });
});

describe('where the clock is put back', () => {
  it.each([
    // Berlin, 2026-10-25: 03:00 CEST becomes 02:00 CET, at 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    // Asked between the two: it has been.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z', ['2026-10-26T01:30']],
    [
      '*/30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:00', '2026-10-25T00:30', '2026-10-26T01:00'],
    ],
    [
      '30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:45Z',
      ['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-25T02:30'],
    ],
    // New York, 2026-11-01: 02:00 EDT becomes 01:00 EST, at 06:00 UTC.
    ['15 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T05:15', '2026-11-02T06:15']],
    ['15 * * * *', 'America/New_York', '2026-11-01T05:00Z', ['2026-11-01T05:15', '2026-11-01T06:15']],
    // Lord Howe, 2026-04-05: 02:00 becomes 01:30, at 15:00 UTC of the day before.
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
    ['45 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:00Z', ['2026-04-04T14:45', '2026-04-04T15:15']],
    // Sao Paulo, 2018-02-18: midnight becomes 23:00 of the day before, at 02:00 UTC.
    ['30 23 * * *', 'America/Sao_Paulo', '2018-02-17T12:00Z', ['2018-02-18T01:30', '2018-02-19T02:30']],
    ['0 0 * * *', 'America/Sao_Paulo', '2018-02-17T12:00Z', ['2018-02-18T03:00', '2018-02-19T03:00']],
  ])('%s in %s', (text, zone, after, expected) => {
    expect(due(text, zone, after, expected.length)).toEqual(expected);
  });
});

const field = (min: number, max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 }).map((list) => list.join()),
    fc
      .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  );
const plainField = (min: number, max: number) =>
  fc.oneof(fc.constant('*'), fc.integer({ min, max }).map(String));
const expression = fc
  .tuple(field(0, 59), field(0, 23), plainField(1, 28), field(1, 12), plainField(0, 6))
  .map((parts) => parts.join(' '));
const zoneNames = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];

/** Whether the offset of a zone is the same around an instant; asked of the runtime by another way. */
function isCalm(zone: string, atMs: number): boolean {
  const offset = (ms: number) =>
    new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
      .formatToParts(ms)
      .find(({ type }) => type === 'timeZoneName')?.value;
  return offset(atMs - 86_400_000) === offset(atMs + 86_400_000);
}

describe('beside another implementation', () => {
  it('names the same times away from changes of the clock', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(...zoneNames),
        fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2035-01-01') }),
        (text, zone, afterMs) => {
          const mine = nextAfter(cronOf(text), zone, afterMs);
          const other = new Croner(text, { timezone: zone }).nextRun(new Date(afterMs))?.getTime() ?? null;
          if (mine === null || other === null) return mine === other;
          if (!isCalm(zone, mine) || !isCalm(zone, other) || !isCalm(zone, afterMs)) return true;
          compared += 1;
          return mine === other;
        },
      ),
      { numRuns: 400 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('of each zone: the wall clock shows a named time, or the first minute after a gap', () => {
    const shown = (zone: string, atMs: number) =>
      new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(atMs);
    fc.assert(
      fc.property(
        fc.constantFrom(...zoneNames),
        fc.integer({ min: 0, max: 23 }),
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2030-01-01') }),
        (zone, hour, minute, afterMs) => {
          const next = nextAfter(cronOf(`${minute} ${hour} * * *`), zone, afterMs)!;
          const wanted = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
          expect(next).toBeGreaterThan(afterMs);
          expect(next - afterMs).toBeLessThanOrEqual(26 * 3_600_000);
          if (isCalm(zone, next)) expect(shown(zone, next)).toBe(wanted);
        },
      ),
      { numRuns: 200 },
    );
  });
});

it('takes less than 50 microseconds at most times', () => {
  const crons = ['*/5 * * * *', '30 2 * * *', '0 9 * * MON', '0 0 1 1 *'].map(cronOf);
  const spans: number[] = [];
  for (let i = 0; i < 2_000; i++) {
    const afterMs = Date.parse('2026-01-01') + i * 3_600_000;
    const started = performance.now();
    nextAfter(crons[i % crons.length]!, 'Europe/Berlin', afterMs);
    spans.push(performance.now() - started);
  }
  spans.sort((a, b) => a - b);
  expect(spans[1_000]! * 1_000).toBeLessThan(50);
});

describe('counting', () => {
  const naive = (text: string, zone: string, fromMs: number, toMs: number): number[] => {
    const times: number[] = [];
    for (let at = nextAfter(cronOf(text), zone, fromMs); at !== null && at < toMs;) {
      times.push(at);
      at = nextAfter(cronOf(text), zone, at);
    }
    return times;
  };

  it('comes to what walking from one to the next comes to, over changes of the clock as well', () => {
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(...zoneNames),
        fc.integer({ min: Date.parse('2026-02-20'), max: Date.parse('2026-04-20') }),
        fc.integer({ min: 0, max: 20 * 24 * 60 }),
        (text, zone, fromMs, minutes) => {
          const toMs = fromMs + minutes * 60_000;
          const times = naive(text, zone, fromMs, toMs);
          const counted = countBetween(cronOf(text), zone, fromMs, toMs, 10_000);
          expect(counted).toBe(Math.min(times.length, 10_000));
          expect(lastBetween(cronOf(text), zone, fromMs, toMs - 1)).toBe(times.at(-1) ?? null);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has a bound, and the cost of a long outage is one of days', () => {
    const started = performance.now();
    const year = [Date.parse('2026-01-01'), Date.parse('2027-01-01')] as const;
    for (let i = 0; i < 100; i++) {
      expect(countBetween(cronOf('* * * * *'), 'Europe/Berlin', ...year, 10_000)).toBe(10_000);
      expect(countBetween(cronOf('0 3 * * *'), 'Europe/Berlin', ...year, 10_000)).toBe(365);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
