import { type Mode, type ReasonCode } from '@fluxforge/events/catalogue';
import { type SetMode } from './modes.js';

/** Said by the shell about once a second: how late its timers run, and how long its appends took. */
export interface PressureMessage {
  readonly kind: 'pressure';
  readonly eventLoopDelayMs: number;
  readonly commitLatencyMs: number;
}

export interface Marks {
  readonly high: number;
  readonly low: number;
}

export interface OverloadPolicy {
  /** Tasks without a lease in the partition; each tenant's share of it is held to its share of the marks. */
  readonly queued: Marks;
  readonly eventLoopDelayMs: Marks;
  readonly commitLatencyMs: Marks;
  /** How long one measure must have stayed above its high mark. */
  readonly enterAfterMs: number;
  /** How long all must have stayed below their low marks. */
  readonly leaveAfterMs: number;
}

interface Measured {
  /** Without those of tenants that are degraded for them by themselves. */
  readonly queued: number;
  readonly eventLoopDelayMs: number;
  readonly commitLatencyMs: number;
}

const measures = [
  { name: 'queued', reason: 'overload_queue' },
  { name: 'eventLoopDelayMs', reason: 'overload_event_loop' },
  { name: 'commitLatencyMs', reason: 'overload_commit_latency' },
] as const satisfies readonly { name: keyof Measured; reason: ReasonCode }[];

/**
 * What one owner has measured lately; it dies with the owner, and the next starts with what the log says.
 *
 *   calm -- a measure above its high mark for `enterAfterMs` --> overloaded
 *   overloaded -- all below their low marks for `leaveAfterMs` --> calm
 *
 * Between the marks nothing changes, and each clock starts anew.
 */
export class OverloadWatch {
  private readonly aboveSinceMs = new Map<keyof Measured, number>();
  private belowSinceMs: number | null = null;
  private verdict: SetMode | null = null;

  constructor(private readonly policy: OverloadPolicy) {}

  observe(measured: Measured, nowMs: number): void {
    this.verdict = null;
    const { policy } = this;
    for (const { name, reason } of measures) {
      if (measured[name] <= policy[name].high) {
        this.aboveSinceMs.delete(name);
        continue;
      }
      const sinceMs = this.aboveSinceMs.get(name) ?? nowMs;
      this.aboveSinceMs.set(name, sinceMs);
      if (nowMs - sinceMs >= policy.enterAfterMs) this.verdict ??= { mode: 'degraded', reason };
    }
    const calm = measures.every(({ name }) => measured[name] < policy[name].low);
    this.belowSinceMs = calm ? (this.belowSinceMs ?? nowMs) : null;
    if (this.belowSinceMs !== null && nowMs - this.belowSinceMs >= policy.leaveAfterMs) {
      this.verdict = { mode: 'normal', reason: 'overload_over' };
    }
  }

  /** What the mode should become, or null: it is right as it is. */
  change(current: Mode): SetMode | null {
    return this.verdict && this.verdict.mode !== current ? this.verdict : null;
  }
}
