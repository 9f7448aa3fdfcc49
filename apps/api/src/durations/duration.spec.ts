import fc from 'fast-check';
import { formatDuration, parseDuration } from './index.js';

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['24h60m', 90_000_000],
    ['1d2h3m4s5ms', 93_784_005],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    ' ',
    '5',
    's',
    '-1s',
    '+1s',
    '1.5h',
    '1e3s',
    '5 m',
    '5M',
    '30m1h',
    '1h1h',
    '1y',
    '∞s',
    '１s',
    '5m ',
    '\u00005m',
    'PT5M',
    '9999999999999s',
    '1'.repeat(33),
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it('are written so that they are read back the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  it('never throw and never answer anything but a safe whole number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9dhms]{0,40}$/)), (text) => {
        const ms = parseDuration(text);
        expect(ms === null || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});
