import { type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { type Covered } from '@fluxforge/events/journal';
import { type Justified } from './requests.js';

/** A batch that is out: its events, the tickets of the messages in it, and what is covered with it. */
export interface InFlight<Own extends EventBody> {
  readonly facts: readonly Fact<Own>[];
  readonly tickets: readonly number[];
  readonly covered: Covered;
}

/** What may not leave yet: a batch's effects wait for its commit, and all effects for a fresh sight of the log. */
export class Outbox<Effect, Own extends EventBody> {
  private inFlight: InFlight<Own> | null = null;
  private held: Justified<Effect>[] = [];

  get isBatchOut(): boolean {
    return this.inFlight !== null;
  }

  empty(): void {
    this.inFlight = null;
    this.held = [];
  }

  send(batch: InFlight<Own>): void {
    this.inFlight = batch;
  }

  /** The batch that is committed, or null when none is out. */
  committed(): InFlight<Own> | null {
    const done = this.inFlight;
    this.inFlight = null;
    return done;
  }

  /** `offset` is that of the event that justifies them; null for those of the moment. */
  hold(effects: readonly Effect[], offset: number | null): void {
    for (const effect of effects) this.held.push({ effect, offset });
  }

  release(): readonly Justified<Effect>[] {
    const { held } = this;
    if (held.length > 0) this.held = [];
    return held;
  }
}
