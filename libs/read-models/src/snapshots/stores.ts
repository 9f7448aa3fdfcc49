import { DiskSnapshots, type SnapshotStore } from '@fluxforge/events/snapshots';
import { PostgresSnapshots } from './postgres-snapshots.js';

/** Where a process keeps its snapshots: on its disk, and in Postgres when it has the address of one. */
export function snapshotStores(config: {
  readonly postgresUrl: string | null;
  readonly dataDir: string;
}): SnapshotStore[] {
  // Of two equally new ones the one on the disk is the nearer.
  const disk = new DiskSnapshots(config.dataDir);
  return config.postgresUrl === null ? [disk] : [disk, new PostgresSnapshots({ url: config.postgresUrl })];
}
