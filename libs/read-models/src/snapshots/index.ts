/*
 * A door of its own: whoever keeps snapshots needs a connection to Postgres and nothing else of the read
 * models, and a process that takes over must not first load an ORM.
 */
export { PostgresSnapshots, type PostgresSnapshotsOptions } from './postgres-snapshots.js';
export { snapshotStores } from './stores.js';
