import { backoffMs } from './backoff.js';

const backoff = { base_ms: 1000, max_ms: 8000 };

describe('backoff', () => {
  it('doubles up to the cap, within half and full of the step', () => {
    for (const [attempt, fullMs] of [
      [1, 1000],
      [2, 2000],
      [3, 4000],
      [4, 8000],
      [5, 8000],
      [4000, 8000],
    ] as const) {
      const waitMs = backoffMs(backoff, attempt, `t:${attempt}`);
      expect(waitMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(waitMs).toBeLessThanOrEqual(fullMs);
    }
  });

  it('draws the same for the same seed and spreads over seeds', () => {
    expect(backoffMs(backoff, 3, 'a')).toBe(backoffMs(backoff, 3, 'a'));
    const waits = new Set(Array.from({ length: 100 }, (_, i) => backoffMs(backoff, 3, `task-${i}`)));
    expect(waits.size).toBeGreaterThan(80);
  });

  it('waits nothing when nothing is asked', () => {
    expect(backoffMs({ base_ms: 0, max_ms: 0 }, 7, 'a')).toBe(0);
  });
});
