import { type OverloadPolicy } from '@fluxforge/domain/modes';
import { type Prng } from './prng.js';

interface Marks {
  readonly low: number;
  readonly high: number;
}

/** At and around the marks, which belong to neither side. */
const levels = {
  calm: (prng: Prng, { low }: Marks) => prng.next() * 0.9 * low,
  'at low': (_prng: Prng, { low }: Marks) => low,
  between: (prng: Prng, { low, high }: Marks) => low + prng.next() * (high - low),
  'at high': (_prng: Prng, { high }: Marks) => high,
  above: (prng: Prng, { high }: Marks) => high * (1.01 + prng.next()),
} as const;
const troubles = ['above', 'above', 'above', 'at high', 'between', 'at low', 'calm'] as const;
const mostPieces = 5;

/**
 * One measure of a process as it goes on: calm, and now and then a spell of a few pieces, each as long as the clocks
 * of the hysteresis, or half of that, or twice.
 */
export class PressureSeries {
  private level: keyof typeof levels = 'calm';
  private untilMs = -Infinity;
  private pieces = 0;

  constructor(
    private readonly prng: Prng,
    private readonly marks: Marks,
    private readonly policy: Pick<OverloadPolicy, 'enterAfterMs' | 'leaveAfterMs'>,
    /** Mean time between spells; Infinity: there are none. */
    private readonly everyMs: number,
  ) {}

  at(nowMs: number): number {
    if (this.everyMs !== Infinity && nowMs >= this.untilMs) this.turn(nowMs);
    return levels[this.level](this.prng, this.marks);
  }

  private turn(nowMs: number): void {
    const { prng, policy } = this;
    if (this.pieces > 0) {
      this.pieces -= 1;
      this.level = prng.pick(troubles);
      const { enterAfterMs, leaveAfterMs } = policy;
      const spanMs = this.level === 'above' ? enterAfterMs : prng.pick([enterAfterMs, leaveAfterMs]);
      this.untilMs = nowMs + spanMs * prng.pick([0.5, 1, 2]);
      return;
    }
    this.level = 'calm';
    this.pieces = prng.between(1, mostPieces);
    this.untilMs = nowMs + prng.spread(this.everyMs / 2);
  }
}
