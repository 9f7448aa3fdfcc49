import { lost, type Cache, type Kept, type Lost } from './port.js';

export interface CacheWorld {
  /** Two processes' views of one cache. */
  readonly one: Cache;
  readonly other: Cache;
  close(): Promise<void>;
}

const deadlineMs = 5_000;
const ttlMs = 60_000;

/** The behaviour that every implementation of `Cache` has. */
export function describeCache(name: string, makeWorld: () => Promise<CacheWorld>): void {
  describe(name, () => {
    let world: CacheWorld;
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    it('gives the burst and not one more', async () => {
      const rate = { perSecond: 1, burst: 5 };
      const waits = [];
      for (let n = 0; n < 8; n++) waits.push(await world.one.take('burst', rate));
      expect(waits.filter((wait) => wait === 0)).toHaveLength(5);
      for (const wait of waits.slice(5)) {
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(1_000);
      }
    });

    it('gives no more when many ask at the same moment, through whichever process', async () => {
      const rate = { perSecond: 1, burst: 20 };
      const asked = Array.from({ length: 60 }, (_, n) =>
        (n % 2 ? world.one : world.other).take('many', rate),
      );
      const waits = await Promise.all(asked);
      expect(waits.filter((wait) => wait === 0)).toHaveLength(20);
    });

    it('fills again by the rate', async () => {
      const rate = { perSecond: 200, burst: 1 };
      expect(await world.one.take('fills', rate)).toBe(0);
      await until(async () => (await world.one.take('fills', rate)) === 0);
    });

    it('gives at most burst and rate over any span', async () => {
      const rate = { perSecond: 100, burst: 10 };
      const startedMs = performance.now();
      let given = 0;
      while (performance.now() - startedMs < 200) if ((await world.one.take('span', rate)) === 0) given++;
      const spanMs = performance.now() - startedMs;
      expect(given).toBeGreaterThanOrEqual(10);
      // One more: the cache's clock and this one may cut the span at other milliseconds.
      expect(given).toBeLessThanOrEqual(10 + (spanMs * 100) / 1_000 + 1);
    });

    it('keeps buckets apart, and takes new limits at once', async () => {
      expect(await world.one.take('a', { perSecond: 1, burst: 1 })).toBe(0);
      expect(await world.one.take('b', { perSecond: 1, burst: 1 })).toBe(0);
      expect(await world.one.take('a', { perSecond: 1, burst: 1 })).toBeGreaterThan(0);
      await world.one.take('lowered', { perSecond: 1, burst: 100 });
      expect(await world.one.take('lowered', { perSecond: 1, burst: 1 })).toBe(0);
      expect(await world.one.take('lowered', { perSecond: 1, burst: 1 })).toBeGreaterThan(0);
    });

    it('hands out what was put, to all, with its age, in the order of the names', async () => {
      const odd = '{"a": "1:2", "ü": "\\u0000"}';
      expect(await world.one.put([['x', 'old'], ['y', odd]], ttlMs)).toBe('kept'); // prettier-ignore
      expect(await world.one.put([['x', 'new']], ttlMs)).toBe('kept');
      const found = await world.other.get(['y', 'none', 'x']);
      expect(found).toMatchObject([{ text: odd }, null, { text: 'new' }]);
      const ages = agesIn(found);
      for (const ageMs of ages) {
        expect(ageMs).toBeGreaterThanOrEqual(0);
        expect(ageMs).toBeLessThan(deadlineMs);
      }
      await until(async () => agesIn(await world.one.get(['x']))[0]! > ages[1]!);
    });

    it('forgets what is older than it was to be', async () => {
      await world.one.put([['short', 'gone soon']], 20);
      await until(async () => agesIn(await world.one.get(['short'])).length === 0);
    });

    it('has an answer when asked for nothing', async () => {
      expect(await world.one.get([])).toEqual([]);
      expect(await world.one.put([], ttlMs)).toBe('kept');
    });
  });
}

function agesIn(found: readonly (Kept | null)[] | Lost): number[] {
  if (found === lost) throw new Error('the cache is lost');
  return found.flatMap((one) => (one ? [one.ageMs] : []));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
