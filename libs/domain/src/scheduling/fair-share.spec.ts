import fc from 'fast-check';
import {
  chargeLease,
  chargeMs,
  newFairShare,
  picksBefore,
  settleLease,
  type FairShare,
} from './fair-share.js';

const policy = { minChargeMs: 10, maxLeadMs: 1_000 };

interface Tenant {
  readonly share: FairShare;
  readonly weight: number;
  readonly running: { estimateMs: number; runMs: number }[];
}

/** Serves the tenants of `waiting` as the scheduler does; answers who was. */
function serve(
  tenants: readonly Tenant[],
  waiting: readonly number[],
  latest: { ms: number },
  runMs: number,
): number {
  const next = waiting.reduce((a, b) => (tenants[b]!.share.virtualMs < tenants[a]!.share.virtualMs ? b : a));
  const { share, weight, running } = tenants[next]!;
  const charged = chargeLease(share, weight, latest.ms, policy);
  latest.ms = charged.latestMs;
  running.push({ estimateMs: charged.estimateMs, runMs });
  return next;
}

const tenant = (weight = 1): Tenant => ({ share: newFairShare(), weight, running: [] });

/** One after another, each run ends before the next is leased. */
function shares(weights: readonly number[], runMs: readonly number[], rounds: number): number[] {
  const tenants = weights.map(tenant);
  const latest = { ms: 0 };
  const used = weights.map(() => 0);
  const all = weights.map((_, i) => i);
  for (let i = 0; i < rounds; i++) {
    const next = serve(tenants, all, latest, 0);
    const run = tenants[next]!.running.pop()!;
    used[next]! += runMs[next]!;
    settleLease(tenants[next]!.share, runMs[next]!, run.estimateMs, policy);
  }
  return used;
}

describe('fairness between tenants', () => {
  it('goes by time used, not by how many', () => {
    const [slow, quick] = shares([1, 1], [400, 40], 2_000) as [number, number];
    expect(slow / quick).toBeGreaterThan(0.9);
    expect(slow / quick).toBeLessThan(1.1);
  });

  it('goes by weight', () => {
    const [heavy, light] = shares([3, 1], [100, 100], 2_000) as [number, number];
    expect(heavy / light).toBeGreaterThan(2.8);
    expect(heavy / light).toBeLessThan(3.2);
  });

  it('charges for what earlier runs took longer than was thought', () => {
    const share = newFairShare();
    const { estimateMs } = chargeLease(share, 1, 0, policy);
    settleLease(share, 500, estimateMs, policy);
    expect(chargeMs(share, policy)).toBeGreaterThanOrEqual(500);
  });

  it('gives no credit for idleness beyond the lead', () => {
    const busy = tenant();
    const idle = tenant();
    const latest = { ms: 0 };
    for (let i = 0; i < 10_000; i++) serve([busy, idle], [0], latest, 0);
    let inARow = 0;
    while (serve([busy, idle], [0, 1], latest, 0) === 1) inARow += 1;
    expect(inARow).toBeLessThanOrEqual(picksBefore([1], 1, policy));
  });

  it('serves whoever waits within the bound, whatever the others do', () => {
    const step = fc.record({
      waiting: fc.integer({ min: 0, max: 15 }),
      runMs: fc.integer({ min: 0, max: 60_000 }),
      ends: fc.boolean(),
    });
    const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(weights, fc.array(step, { minLength: 50, maxLength: 400 }), (ws, steps) => {
        const tenants = ws.map(tenant);
        const latest = { ms: 0 };
        // Steps before: any of them waits at any time. Then tenant 0 waits, and all others always do.
        const turn = (waiting: readonly number[], { runMs, ends }: { runMs: number; ends: boolean }) => {
          const served = serve(tenants, waiting, latest, runMs);
          if (ends) {
            for (const { share, running } of tenants) {
              const run = running.shift();
              if (run) settleLease(share, run.runMs, run.estimateMs, policy);
            }
          }
          return served;
        };
        for (const one of steps) {
          const waiting = [0, 1, 2, 3].filter((i) => (one.waiting >> i) & 1);
          if (waiting.length > 0) turn(waiting, one);
        }
        const bound = picksBefore(ws.slice(1), ws[0]!, policy);
        let picks = 0;
        while (turn([0, 1, 2, 3], steps[picks % steps.length]!) !== 0) {
          picks += 1;
          expect(picks).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 60 },
    );
  });
});
