export { defaultSnapshotPace, type SnapshotPace } from './settings.js';
export {
  encodeSnapshot,
  decodeSnapshot,
  mostListed,
  type Listed,
  type Manifest,
  type NewManifest,
  type SnapshotOf,
  type SnapshotStore,
} from './stored-snapshot.js';
export { PartitionFold, ForeignMismatch } from './partition-fold.js';
export { pastBounds, PastStates, type PastBounds, type PastQuestion } from './past-states.js';
export { PartitionFollower, type FollowedTopics } from './follower.js';
export {
  SnapshotLoader,
  type IgnoredBecause,
  type Loaded,
  type LoaderOptions,
  type OffsetRange,
} from './loader.js';
export { historyBounds, surplus, type HistoryBounds } from './thinning.js';
export { DiskSnapshots } from './disk-snapshots.js';
export { SnapshotKeeper, type KeeperParts } from './keeper.js';
export { runKeeperThread } from './keeper-thread.js';
export { type KeeperNews, type KeeperOrder, type SnapshotOutcome } from './news.js';
export {
  loaderTelemetry,
  noSnapshots,
  WorkerSnapshots,
  type Snapshots,
  type WorkerSnapshotsParts,
} from './worker-snapshots.js';
