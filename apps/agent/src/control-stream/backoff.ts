export interface BackoffLimits {
  baseMs: number;
  capMs: number;
}

/** Anything from 0 to the doubled, capped delay: a thousand agents that lost one server do not come back at once. */
export function fullJitterMs(failures: number, { baseMs, capMs }: BackoffLimits, random: number): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.floor(random * ceilingMs);
}
