import { type Rate } from '../port.js';

/**
 * Levels are in thousandths of a unit, so that whole milliseconds at a whole rate fill whole numbers. The Lua script
 * in `../redis-scripts.ts` does the same arithmetic.
 */
export interface Bucket {
  readonly level: number;
  readonly atMs: number;
}

export interface Take {
  readonly bucket: Bucket;
  /** 0: taken. */
  readonly waitMs: number;
}

const unit = 1_000;

/**
 * `sharers`: how many such buckets there are of one rate. Each then fills with its share, and has room for its share
 * of the burst, but for one unit at least.
 */
export function takeFrom(bucket: Bucket | null, rate: Rate, sharers: number, nowMs: number): Take {
  const cost = unit * sharers;
  const capacity = capacityOf(rate, sharers);
  const atMs = Math.max(bucket?.atMs ?? nowMs, nowMs);
  const gained = bucket ? (atMs - bucket.atMs) * rate.perSecond : 0;
  const level = Math.min(capacity, bucket ? bucket.level + gained : capacity);
  if (level >= cost) return { bucket: { level: level - cost, atMs }, waitMs: 0 };
  return { bucket: { level, atMs }, waitMs: Math.ceil((cost - level) / rate.perSecond) };
}

export function capacityOf({ burst }: Rate, sharers: number): number {
  return Math.max(burst, sharers) * unit;
}
