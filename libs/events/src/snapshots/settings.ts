/** How often snapshots are made, how many bytes of older ones stay, and how much of the commands topics is kept. */
export interface SnapshotPace {
  /** How often the follower looks for new records. */
  readonly pollMs: number;
  /** A snapshot is due after this many records, accepted ones of the own log and covered ones of the other... */
  readonly everyRecords: number;
  /** ...or this long after the last one, if anything has changed since. */
  readonly everyMs: number;
  /** The next one is not begun before this many times what the last one took. */
  readonly restFactor: number;
  /** Of the older snapshots of one partition in one store. */
  readonly historyBytes: number;
  readonly trimEveryMs: number;
  /** Commands are kept for at least this long, whatever is covered. */
  readonly trimAfterMs: number;
}

export const defaultSnapshotPace: SnapshotPace = {
  pollMs: 2_000,
  everyRecords: 50_000,
  everyMs: 5 * 60_000,
  restFactor: 9,
  historyBytes: 512 * 1024 * 1024,
  trimEveryMs: 3_600_000,
  trimAfterMs: 24 * 3_600_000,
};
