import { type Listed } from './stored-snapshot.js';

/** Which snapshots of one partition one store keeps. Records are those of both logs that lie in between. */
export interface HistoryBounds {
  readonly most: number;
  /** Of all but the `always` newest. */
  readonly bytes: number;
  /** The newest, and what a takeover falls back on: kept whatever their size. */
  readonly always: number;
  /** Two that are closer are not both needed, however near the past. */
  readonly denseRecords: number;
  /** As far as two may be apart that an answer is to be had for every time between them... */
  readonly reachRecords: number;
  /** ...which is so as far back as this. What lies further back is thinner with each doubling of the distance. */
  readonly horizonRecords: number;
}

/**
 * A question has 200,000 records and eight seconds. Half of that many it can fold in its time on a busy machine as
 * well. The distances come to 52 at most up to the horizon (two gaps in a row are never both half of what is allowed),
 * and to about half of that as they fall; the rest is for what lies beyond.
 */
export const historyBounds: Omit<HistoryBounds, 'bytes'> = {
  most: 64,
  always: 2,
  denseRecords: 25_000,
  reachRecords: 100_000,
  horizonRecords: 2_000_000,
};

/**
 * What of a store's list (newest first) is not to be kept, after one of this shape was added. Of all other shapes the
 * newest one stays, for whoever goes back to the version that made it.
 */
export function surplus(listed: readonly Listed[], shape: string, bounds: HistoryBounds): Listed[] {
  const kept = new Set(
    keptOf(
      listed.filter((one) => one.shape === shape),
      bounds,
    ),
  );
  const other = listed.find((one) => one.shape !== shape);
  return listed.filter((one) => !kept.has(one) && one !== other);
}

/**
 * From the newest back: one is left out when those beside it are near enough to each other for where they lie. What is
 * allowed only grows with the distance, so what was near enough once stays so. Where the bytes or the number run out,
 * all that is older goes.
 */
function keptOf(own: readonly Listed[], bounds: HistoryBounds): readonly Listed[] {
  const kept = own.slice(0, bounds.always);
  const newest = own[0];
  if (!newest) return kept;
  let bytes = 0;
  for (let i = kept.length; i < own.length; i++) {
    const [one, older, newer] = [own[i]!, own[i + 1], kept.at(-1)!];
    const allowed = allowedGap(recordsBetween(newest, newer), bounds);
    if (older && recordsBetween(newer, older) <= allowed) continue;
    bytes += one.bytes;
    if (bytes > bounds.bytes || kept.length >= bounds.most) break;
    kept.push(one);
  }
  return kept;
}

/** Behind one at this distance from the newest. */
function allowedGap(distance: number, { denseRecords, reachRecords, horizonRecords }: HistoryBounds): number {
  if (distance > horizonRecords) return Math.max(reachRecords, distance);
  return Math.min(reachRecords, Math.max(denseRecords, distance));
}

/** What a question reads that begins at the older one and ends at the newer. */
export function recordsBetween(newer: Listed, older: Listed): number {
  const own = newer.next - older.next;
  if (newer.foreignNext === null || older.foreignNext === null) return own;
  return own + Math.max(0, newer.foreignNext - older.foreignNext);
}
