import { type Backoff } from '@fluxforge/events/catalogue';
import { drawFraction } from '@fluxforge/domain/kernel';

/**
 * How long to wait after attempt `attempt` (1, 2, ...) before the next: base x 2^(attempt - 1), at most
 * `max_ms`, times a factor of 0.5 to 1 drawn from the seed, so that what failed together does not come
 * back together. The seed must name the attempt, or each wait would have the same factor.
 */
export function backoffMs(backoff: Backoff, attempt: number, seed: string): number {
  // 2^53 already is beyond every cap; a larger exponent would only make infinities.
  const doublings = Math.min(Math.max(attempt - 1, 0), 52);
  const fullMs = Math.min(backoff.max_ms, backoff.base_ms * 2 ** doublings);
  return Math.round(fullMs * (0.5 + drawFraction(seed) / 2));
}
