import { type IgnoredBecause } from './loader.js';

/** How an attempt to make or to use a snapshot came out; the label of `fluxforge_snapshots_total`. */
export type SnapshotOutcome =
  | 'made'
  | 'failed'
  | 'not_on_postgres'
  | 'not_on_disk'
  | 'not_thinned_on_postgres'
  | 'not_thinned_on_disk'
  | 'loaded'
  | 'absent'
  | `ignored_${IgnoredBecause}`;

/** What the keeper tells the process that it runs in. */
export type KeeperNews =
  | { readonly kind: 'outcome'; readonly partition: number; readonly outcome: SnapshotOutcome }
  | {
      readonly kind: 'said';
      readonly level: 'info' | 'warn';
      readonly message: string;
      readonly detail: Readonly<Record<string, unknown>>;
    };

/** What the process tells its keeper. */
export type KeeperOrder =
  { readonly kind: 'lead'; readonly partitions: readonly number[] } | { readonly kind: 'stop' };
