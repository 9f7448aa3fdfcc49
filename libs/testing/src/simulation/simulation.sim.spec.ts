import { Counters, runSeed, type SeedResult } from './index.js';

const seeds = 50;
const fewestSteps = 1_500;

describe('the simulation of the whole control plane', () => {
  it('keeps every promise over a few seeds, at full size', () => {
    const counters = new Counters();
    const broken: SeedResult[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const result = runSeed(seed);
      counters.addAll(result.counters);
      expect(result.steps).toBeGreaterThan(fewestSteps);
      if (result.violation !== null) broken.push(result);
    }
    const replays = broken.map((one) => `${one.violation}: npm run sim -- --seeds 1 --from ${one.seed}`);
    expect(replays).toEqual([]);
    for (const what of [
      'takeover',
      'retry',
      'unknown outcome',
      'void batch',
      'restored compliance',
    ] as const) {
      expect(counters.get(what)).toBeGreaterThan(0);
    }
  });

  it('is the same history for the same seed, byte for byte, and another one for another', () => {
    const [first, second, other] = [runSeed(7), runSeed(7), runSeed(8)];
    expect(second.trace).toBe(first.trace);
    expect(second.steps).toBe(first.steps);
    expect(other.trace).not.toBe(first.trace);
  });
});
