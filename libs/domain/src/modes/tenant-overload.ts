import { type Mode } from '@fluxforge/events/catalogue';
import { type SetMode } from './modes.js';
import { type OverloadPolicy } from './overload.js';

/** One tenant's part of what waits in the partition. */
export interface TenantLoad {
  readonly tenantId: string;
  /** Tasks without a lease. */
  readonly queued: number;
  readonly weight: number;
  /** What its own overload has made of it so far. */
  readonly mode: Mode;
}

/**
 * Whose queues make a partition too deep, as one owner has measured lately. Each tenant with something queued has a
 * share of the partition's marks by its weight; per tenant:
 *
 *   calm -- the partition above its high mark and the tenant above its share of it for `enterAfterMs` --> overloaded
 *   overloaded -- below its share of the low mark, or the partition below that, for `leaveAfterMs` --> calm
 */
export class TenantOverloadWatch {
  private aboveSinceMs = new Map<string, number>();
  private belowSinceMs = new Map<string, number>();
  private readonly verdicts = new Map<string, SetMode>();

  constructor(private readonly policy: OverloadPolicy) {}

  /** `loads`: of all with something queued and all that are overloaded. Answers what of it is not theirs. */
  observe(depth: number, loads: readonly TenantLoad[], nowMs: number): number {
    const { queued: marks, enterAfterMs, leaveAfterMs } = this.policy;
    const weights = loads.reduce((sum, { queued, weight }) => (queued > 0 ? sum + weight : sum), 0);
    const aboveSinceMs = new Map<string, number>();
    const belowSinceMs = new Map<string, number>();
    this.verdicts.clear();
    let rest = depth;
    for (const { tenantId, queued, weight, mode } of loads) {
      // Whole numbers on both sides: a share is seldom one.
      const isAbove = depth > marks.high && queued * weights > marks.high * weight;
      const isBelow = depth < marks.low || queued * weights < marks.low * weight;
      const aboveMs = isAbove ? lasts(this.aboveSinceMs, aboveSinceMs, tenantId, nowMs) : -1;
      const belowMs = isBelow ? lasts(this.belowSinceMs, belowSinceMs, tenantId, nowMs) : -1;
      const entersNow = mode === 'normal' && aboveMs >= enterAfterMs;
      if (entersNow) this.verdicts.set(tenantId, { mode: 'degraded', reason: 'overload_queue' });
      if (mode !== 'normal' && belowMs >= leaveAfterMs) {
        this.verdicts.set(tenantId, { mode: 'normal', reason: 'overload_over' });
      }
      if (entersNow || mode !== 'normal') rest -= queued;
    }
    this.aboveSinceMs = aboveSinceMs;
    this.belowSinceMs = belowSinceMs;
    return rest;
  }

  /** The next tenant whose mode is to change, or null. `modeOf`: as it is now; null: no such tenant. */
  change(
    modeOf: (tenantId: string) => Mode | null,
  ): { readonly tenantId: string; readonly to: SetMode } | null {
    for (const [tenantId, to] of this.verdicts) {
      const mode = modeOf(tenantId);
      if (mode !== null && mode !== to.mode) return { tenantId, to };
      this.verdicts.delete(tenantId);
    }
    return null;
  }
}

/** How long it has held by now, with its clock started or carried over. */
function lasts(
  before: Map<string, number>,
  now: Map<string, number>,
  tenantId: string,
  nowMs: number,
): number {
  const sinceMs = before.get(tenantId) ?? nowMs;
  now.set(tenantId, sinceMs);
  return nowMs - sinceMs;
}
