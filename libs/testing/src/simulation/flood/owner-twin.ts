import { type ContextName } from '@fluxforge/events/catalogue';
import { type Timeline } from '../timeline.js';
import { type SharedCache, type Told } from './shared-cache.js';

export interface TwinWorld {
  readonly timeline: Timeline;
  readonly cache: SharedCache;
  /** As an owner answers a server; null: nobody does. */
  readonly askOwner: (context: ContextName, answer: (told: Told | null) => void) => void;
}

const freshMs = 2_000;
const keepMs = 2_000;
const refreshAfterMs = 200;
const askOwnerAfterMs = 1_000;

/** What one server knows of one context's owner, refreshed behind the requests that look at it. */
export class OwnerTwin {
  private kept: { readonly told: Told; readonly untilMs: number } | null = null;
  private refreshedAtMs = -Infinity;
  private askedAtMs = -Infinity;

  constructor(
    private readonly world: TwinWorld,
    private readonly context: ContextName,
    /** The cache was just found to be lost, and is left alone. */
    private readonly rests: () => boolean,
  ) {}

  look(): Told | null {
    const { nowMs } = this.world.timeline;
    const known = this.kept && nowMs < this.kept.untilMs ? this.kept.told : null;
    if (nowMs - this.refreshedAtMs >= refreshAfterMs) {
      this.refreshedAtMs = nowMs;
      this.refresh();
    }
    return known;
  }

  private refresh(): void {
    if (this.rests()) return this.ask();
    this.world.cache.get(this.context, (found) => {
      if (found && found.ageMs <= freshMs) this.keep(found.told);
      else this.ask();
    });
  }

  private ask(): void {
    const { timeline, askOwner } = this.world;
    if (timeline.nowMs - this.askedAtMs < askOwnerAfterMs) return;
    this.askedAtMs = timeline.nowMs;
    askOwner(this.context, (told) => {
      if (told) this.keep(told);
    });
  }

  private keep(told: Told): void {
    this.kept = { told, untilMs: this.world.timeline.nowMs + keepMs };
  }
}
