import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { describeWithRedis, startTestRedis, type TestRedis } from '@fluxforge/testing/redis';
import { describeCache } from './cache.features.js';
import { lost, RedisCache } from './index.js';

const rate = { perSecond: 1, burst: 1_000 };

describeWithRedis('on Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis?.close());

  const cacheOf = (over: object = {}) =>
    new RedisCache({ url: redis.url, keyPrefix: randomUUID(), deadlineMs: 2_000, ...over });
  const connected = (cache: RedisCache) => until(async () => (await cache.take('connected', rate)) !== lost);

  describeCache('the cache on Redis', async () => {
    const keyPrefix = randomUUID();
    const [one, other] = [cacheOf({ keyPrefix }), cacheOf({ keyPrefix })];
    await Promise.all([connected(one), connected(other)]);
    return { one, other, close: async () => void (await Promise.all([one.close(), other.close()])) };
  });

  it('keeps systems apart by their prefix, and bounds what it leaves there', async () => {
    const [one, other] = [cacheOf(), cacheOf()];
    await Promise.all([connected(one), connected(other)]);
    await one.put([['x', 'mine']], 60_000);
    expect(await other.get(['x'])).toEqual([null]);
    const lives = await redis.lifetimesMs();
    expect(lives.length).toBeGreaterThan(0);
    for (const lifeMs of lives) expect(lifeMs).toBeGreaterThan(0);
    await Promise.all([one.close(), other.close()]);
  });

  it('takes what it cannot understand for nothing, and an error for a loss', async () => {
    const keyPrefix = randomUUID();
    const cache = cacheOf({ keyPrefix, restMs: 10 });
    await connected(cache);
    await redis.set(`${keyPrefix}:odd`, 'no stamp');
    expect(await cache.get(['odd'])).toEqual([null]);
    await redis.set(`${keyPrefix}:rate:odd`, 'not a bucket');
    expect(await cache.take('odd', rate)).toBe(lost);
    await connected(cache);
    await cache.close();
  });

  it('empty of a sudden: buckets are full, texts are gone, nothing fails', async () => {
    const cache = cacheOf();
    await connected(cache);
    await cache.put([['x', 'text']], 60_000);
    expect(await cache.take('one', { perSecond: 1, burst: 1 })).toBe(0);
    expect(await cache.take('one', { perSecond: 1, burst: 1 })).toBeGreaterThan(0);
    await redis.flush();
    expect(await cache.get(['x'])).toEqual([null]);
    expect(await cache.take('one', { perSecond: 1, burst: 1 })).toBe(0);
    await cache.close();
  });

  it('killed: says so at once, costs nothing while it is away, and is found again', async () => {
    const changes: boolean[] = [];
    const cache = cacheOf({ restMs: 300, onChange: (available: boolean) => changes.push(available) });
    await connected(cache);
    await redis.kill();
    await until(async () => (await cache.take('x', rate)) === lost);
    expect(cache.available).toBe(false);
    const startedMs = performance.now();
    for (let n = 0; n < 1_000; n++) expect(await cache.get(['x'])).toBe(lost);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await redis.restart();
    await connected(cache);
    expect(cache.available).toBe(true);
    expect(changes.at(-1)).toBe(true);
    expect(changes).toContain(false);
    await cache.close();
  });

  it('standing still: a call is given up at its deadline, and those after it cost nothing', async () => {
    const cache = cacheOf({ deadlineMs: 50 });
    await connected(cache);
    redis.pause();
    try {
      const startedMs = performance.now();
      const both = await Promise.all([cache.take('x', rate), cache.get(['x'])]);
      expect(both).toEqual([lost, lost]);
      expect(performance.now() - startedMs).toBeLessThan(1_000);
      const afterMs = performance.now();
      for (let n = 0; n < 1_000; n++) expect(await cache.take('x', rate)).toBe(lost);
      expect(performance.now() - afterMs).toBeLessThan(1_000);
    } finally {
      redis.resume();
    }
    await cache.close();
  });

  it('the server of the test is a Redis', async () => {
    const { hostname, port } = new URL(redis.url);
    const socket = connect(Number(port), hostname);
    socket.write('PING\r\n');
    const answer = await new Promise((resolve) => socket.once('data', (data) => resolve(String(data))));
    socket.destroy();
    expect(answer).toBe('+PONG\r\n');
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
