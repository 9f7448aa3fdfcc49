export { InMemorySnapshots } from './in-memory-snapshots.js';
export { describeSnapshotStore, someSnapshot, type StoreWorld } from './store.features.js';
