/** How often snapshots are made, and how much of the commands topics is kept. */
export interface SnapshotPace {
  /** How often the follower looks for new records. */
  readonly pollMs: number;
  /** A snapshot is due after this many accepted records... */
  readonly everyRecords: number;
  /** ...or this long after the last one, if anything has changed since. */
  readonly everyMs: number;
  /** The next one is not begun before this many times what the last one took. */
  readonly restFactor: number;
  readonly trimEveryMs: number;
  /** Commands are kept for at least this long, whatever is covered. */
  readonly trimAfterMs: number;
}

export const defaultSnapshotPace: SnapshotPace = {
  pollMs: 2_000,
  everyRecords: 50_000,
  everyMs: 5 * 60_000,
  restFactor: 9,
  trimEveryMs: 3_600_000,
  trimAfterMs: 24 * 3_600_000,
};

/** Snapshots of one partition that a store keeps: the newest, and one to fall back on. */
export const keptSnapshots = 2;
