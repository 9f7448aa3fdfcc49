import { Breaker } from './breaker.js';

describe('the breaker of a cache', () => {
  let nowMs = 0;
  const make = () => new Breaker(1_000, () => nowMs);
  beforeEach(() => (nowMs = 0));

  it('lets calls through until one fails, then none for its rest', () => {
    const breaker = make();
    expect([breaker.enter(), breaker.enter(), breaker.closed]).toEqual([true, true, true]);
    breaker.failed();
    nowMs = 999;
    expect([breaker.enter(), breaker.closed]).toEqual([false, false]);
  });

  it('then lets one try, and the others when that one has come back', () => {
    const breaker = make();
    breaker.failed();
    nowMs = 1_000;
    expect([breaker.enter(), breaker.enter()]).toEqual([true, false]);
    breaker.failed();
    expect(breaker.enter()).toBe(false);
    nowMs = 2_000;
    expect(breaker.enter()).toBe(true);
    breaker.succeeded();
    expect([breaker.enter(), breaker.enter(), breaker.closed]).toEqual([true, true, true]);
  });

  it('is not closed by a call of before the failure', () => {
    const breaker = make();
    breaker.enter();
    breaker.enter();
    breaker.failed();
    breaker.succeeded();
    expect([breaker.closed, breaker.enter()]).toEqual([false, false]);
  });
});
