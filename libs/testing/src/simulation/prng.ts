import { hash32 } from '@fluxforge/domain/kernel';

/**
 * Chance from a seed (sfc32). One seed gives a tree: each branch is named and draws for itself, so that one
 * more draw in one part of the world does not shift what the others see.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(private readonly name: string) {
    this.a = hash32(`${name}/a`) | 0;
    this.b = hash32(`${name}/b`) | 0;
    this.c = hash32(`${name}/c`) | 0;
    this.d = 1;
    for (let i = 0; i < 12; i++) this.next();
  }

  fork(branch: string): Prng {
    return new Prng(`${this.name}/${branch}`);
  }

  /** In [0, 1). */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t;
    this.c |= 0;
    return (t >>> 0) / 0x1_0000_0000;
  }

  /** In 0..n-1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** A whole number between the two, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Exponential with this mean: mostly short, at times long. */
  spread(meanMs: number): number {
    return Math.round(-Math.log(1 - this.next()) * meanMs);
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
