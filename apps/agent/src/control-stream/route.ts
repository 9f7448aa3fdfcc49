import { type BackoffLimits, fullJitterMs } from './backoff.js';

export interface RouteLimits extends BackoffLimits {
  maxRedirects: number;
  redirectJitterMs: number;
}

export const defaultRouteLimits: RouteLimits = {
  baseMs: 200,
  capMs: 10_000,
  maxRedirects: 3,
  redirectJitterMs: 200,
};

export type NextStep =
  | { kind: 'redirect'; address: string; delayMs: number }
  /** Ask the API where to go, after the delay. */
  | { kind: 'rediscover'; delayMs: number };

/**
 * Where to dial next. A journey begins at a discovered address and ends with a welcome or a backoff; in
 * between at most three redirects are followed. Each names the generation of the dispatchers' group that
 * it knows: one older than what brought the agent here comes from a process that is behind, and one that
 * leads back to an address of this journey without a newer generation would make a circle.
 */
export class Route {
  private failures = 0;
  private redirects = 0;
  private generation = -1;
  private visited = new Set<string>();

  constructor(
    private readonly limits: RouteLimits,
    private readonly random: () => number,
  ) {}

  dialled(address: string): void {
    this.visited.add(address);
  }

  /** What the API said the owner's address was, and under which generation. */
  discovered(generation: number): void {
    this.generation = Math.max(this.generation, generation);
  }

  welcomed(): void {
    this.redirects = 0;
    this.visited.clear();
  }

  /** It held for a while: the next failure is a first one again. */
  settled(): void {
    this.failures = 0;
  }

  moved(address: string, generation: number): NextStep {
    const isBehind = generation < this.generation;
    const isCircle = this.visited.has(address) && generation <= this.generation;
    if (address === '' || isBehind || isCircle || this.redirects >= this.limits.maxRedirects) {
      return this.lost();
    }
    this.generation = generation;
    this.redirects += 1;
    return { kind: 'redirect', address, delayMs: this.random() * this.limits.redirectJitterMs };
  }

  lost(): NextStep {
    this.failures += 1;
    this.redirects = 0;
    this.visited.clear();
    return { kind: 'rediscover', delayMs: fullJitterMs(this.failures, this.limits, this.random()) };
  }
}
