import fc from 'fast-check';
import { takeFrom, type Bucket } from './bucket/index.js';
import { describeCache } from './cache.features.js';
import { InProcessCache } from './index.js';

describeCache('the cache in the process', async () => {
  const cache = new InProcessCache({ nowMs: Date.now });
  return { one: cache, other: cache, close: () => cache.close() };
});

describe('the cache in the process', () => {
  it('holds no more than it may, and forgets what was used longest ago', async () => {
    const cache = new InProcessCache({ nowMs: () => 1, maxEntries: 2 });
    const rate = { perSecond: 1, burst: 1 };
    for (const name of ['a', 'b', 'a', 'c']) await cache.take(name, rate);
    expect(await cache.take('a', rate)).toBeGreaterThan(0);
    expect(await cache.take('b', rate)).toBe(0);
    await cache.put([['a', '1'], ['b', '2'], ['c', '3']], 10); // prettier-ignore
    expect(await cache.get(['a', 'c'])).toEqual([null, { text: '3', ageMs: 0 }]);
  });

  it('gives shares that are together no more than the whole, over any span', () => {
    const rates = fc.record({
      perSecond: fc.integer({ min: 1, max: 50 }),
      burst: fc.integer({ min: 1, max: 40 }),
    });
    const asks = fc.array(fc.record({ server: fc.nat(4), afterMs: fc.nat(400) }), { maxLength: 200 });
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 5 }), asks, (rate, sharers, list) => {
        const buckets = new Map<number, Bucket>();
        let nowMs = 0;
        let given = 0;
        for (const { server, afterMs } of list) {
          nowMs += afterMs;
          const own = server % sharers;
          const { bucket, waitMs } = takeFrom(buckets.get(own) ?? null, rate, sharers, nowMs);
          buckets.set(own, bucket);
          if (waitMs === 0) given += 1;
        }
        // A server can always have one at once, be its share of the burst ever so small.
        const most = Math.max(rate.burst, sharers) + (rate.perSecond * nowMs) / 1_000;
        expect(given).toBeLessThanOrEqual(most);
      }),
    );
  });

  it('says exactly when there is one again', () => {
    const rate = { perSecond: 3, burst: 2 };
    let bucket: Bucket | null = null;
    for (let n = 0; n < 2; n++) ({ bucket } = takeFrom(bucket, rate, 1, 1_000));
    const { waitMs } = takeFrom(bucket, rate, 1, 1_000);
    expect(takeFrom(bucket, rate, 1, 1_000 + waitMs - 1).waitMs).toBe(1);
    expect(takeFrom(bucket, rate, 1, 1_000 + waitMs).waitMs).toBe(0);
    // A clock that goes back gives nothing away.
    expect(takeFrom(bucket, rate, 1, 0).waitMs).toBe(waitMs);
  });
});
