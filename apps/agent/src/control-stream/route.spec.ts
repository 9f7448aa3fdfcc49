import { fullJitterMs } from './backoff.js';
import { Route, defaultRouteLimits } from './route.js';

const newRoute = (): Route => new Route(defaultRouteLimits, () => 0.5);

describe('where an agent dials next', () => {
  it('follows three redirects at most, then backs off', () => {
    const route = newRoute();
    route.dialled('a:1');
    for (const [address, generation] of [
      ['b:1', 1],
      ['c:1', 2],
      ['d:1', 3],
    ] as const) {
      expect(route.moved(address, generation)).toMatchObject({ kind: 'redirect', address });
      route.dialled(address);
    }
    expect(route.moved('e:1', 4)).toEqual({ kind: 'rediscover', delayMs: 100 });
  });

  it('is not sent back where it came from by one who is behind', () => {
    const route = newRoute();
    route.dialled('a:1');
    expect(route.moved('b:1', 5).kind).toBe('redirect');
    route.dialled('b:1');
    expect(route.moved('a:1', 4).kind).toBe('rediscover');
  });

  it('makes no circle within one generation, but goes back for a newer one', () => {
    const route = newRoute();
    route.dialled('a:1');
    expect(route.moved('b:1', 5).kind).toBe('redirect');
    route.dialled('b:1');
    expect(route.moved('a:1', 5).kind).toBe('rediscover');
    const other = newRoute();
    other.dialled('a:1');
    other.moved('b:1', 5);
    other.dialled('b:1');
    expect(other.moved('a:1', 6)).toMatchObject({ kind: 'redirect', address: 'a:1' });
  });

  it('believes no redirect older than what the API said', () => {
    const route = newRoute();
    route.discovered(7);
    route.dialled('a:1');
    expect(route.moved('b:1', 6).kind).toBe('rediscover');
  });

  it('backs off without an address to go to', () => {
    expect(newRoute().moved('', 9).kind).toBe('rediscover');
  });

  it('waits longer with every failure, up to the cap, and starts anew once it held', () => {
    const route = newRoute();
    const delays = Array.from({ length: 9 }, () => route.lost().delayMs);
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    route.welcomed();
    expect(route.lost().delayMs).toBe(5000);
    route.settled();
    expect(route.lost().delayMs).toBe(100);
  });
});

describe('full jitter', () => {
  it('lies between nothing and the doubled delay', () => {
    const limits = { baseMs: 100, capMs: 1000 };
    expect(fullJitterMs(1, limits, 0)).toBe(0);
    expect(fullJitterMs(1, limits, 0.999)).toBe(99);
    expect(fullJitterMs(3, limits, 0.999)).toBe(399);
    expect(fullJitterMs(1000, limits, 0.999)).toBe(999);
  });
});
