import { takeFrom, type Bucket } from '@fluxforge/cache/bucket';
import { type ContextName } from '@fluxforge/events/catalogue';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { type FloodScenario } from '../flood-scenario.js';
import { type Prng } from '../prng.js';
import { type Timeline } from '../timeline.js';

interface Found {
  readonly told: Told;
  readonly ageMs: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What an owner tells of its partition. */
export interface Told {
  readonly pulse: PartitionPulse;
  /** By tenant; the owner of states has none. */
  readonly queued: ReadonlyMap<string, number>;
}

const deadlineMs = 50;
const keepMs = 5_000;
const slowMs = { low: 5, high: 90 } as const;

/** Redis as servers and owners meet it: it answers within the deadline, or is lost to whoever asked. */
export class SharedCache {
  private readonly buckets = new Map<string, Bucket>();
  private readonly mirrors = new Map<ContextName, { readonly told: Told; readonly putAtMs: number }>();
  private state: 'there' | 'slow' | 'lost' = 'there';

  constructor(
    private readonly timeline: Timeline,
    private readonly prng: Prng,
  ) {}

  get isLost(): boolean {
    return this.state === 'lost';
  }

  startSpells({ cacheSpells }: FloodScenario): void {
    for (const { what, fromMs, lastsMs, emptied } of cacheSpells) {
      this.timeline.after(fromMs, `cache-${what}`, () => (this.state = what));
      this.timeline.after(fromMs + lastsMs, 'cache-back', () => {
        this.state = 'there';
        if (emptied) this.forget();
      });
    }
  }

  put(context: ContextName, told: Told): void {
    this.call(
      () => this.mirrors.set(context, { told, putAtMs: this.timeline.nowMs }),
      () => undefined,
    );
  }

  /** In how many milliseconds there may be one; 0: taken; null: lost. */
  take(tenantId: string, rate: Rate, answer: (waitMs: number | null) => void): void {
    this.call(() => {
      const { bucket, waitMs } = takeFrom(this.buckets.get(tenantId) ?? null, rate, 1, this.timeline.nowMs);
      this.buckets.set(tenantId, bucket);
      return waitMs;
    }, answer);
  }

  /** Null: lost, or too old to be there. */
  get(context: ContextName, answer: (found: Found | null) => void): void {
    this.call<Found | null>(() => {
      const mirror = this.mirrors.get(context);
      if (!mirror) return null;
      const ageMs = this.timeline.nowMs - mirror.putAtMs;
      return ageMs < keepMs ? { told: mirror.told, ageMs } : null;
    }, answer);
  }

  private forget(): void {
    this.buckets.clear();
    this.mirrors.clear();
  }

  /** Whoever gives up on an answer does not know whether the work was done. */
  private call<T>(work: () => T, answer: (found: T | null) => void): void {
    const { timeline, prng, state } = this;
    if (state === 'lost') {
      timeline.after(prng.pick([1, deadlineMs]), 'cache-lost', () => answer(null));
      return;
    }
    const tookMs = state === 'slow' ? prng.between(slowMs.low, slowMs.high) : prng.between(1, 2);
    const isLate = tookMs > deadlineMs;
    if (isLate) timeline.after(deadlineMs, 'cache-late', () => answer(null));
    timeline.after(tookMs, 'cache', () => {
      const found = work();
      if (!isLate) answer(found);
    });
  }
}
