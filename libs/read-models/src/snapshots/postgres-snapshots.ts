import { Pool, type PoolClient } from 'pg';
import {
  keptSnapshots,
  type Manifest,
  type NewManifest,
  type SnapshotOf,
  type SnapshotStore,
} from '@fluxforge/events/snapshots';
import { asStoreError } from '../rows/pg-errors.js';
import { outliveBrokenConnections } from '../rows/pool-errors.js';

export interface PostgresSnapshotsOptions {
  readonly url: string;
  /** Also for a free connection of the pool. */
  readonly connectTimeoutMs?: number;
  /** Of one statement, which moves at most one chunk. */
  readonly statementTimeoutMs?: number;
}

const defaults = { connectTimeoutMs: 1_000, statementTimeoutMs: 2_000 };
/** Partitions that are taken over at one time share these. */
const poolSize = 2;
export const maxChunkBytes = 1024 * 1024;
/** Of the advisory locks that writers of one partition's snapshots take; any number of our own. */
const lockClass = 7_051_901;

/**
 * Snapshots in the `snapshots` table, in chunks. All chunks of one are written in one transaction, so
 * that a reader sees a snapshot whole or not at all.
 */
export class PostgresSnapshots implements SnapshotStore {
  readonly name = 'postgres';
  private readonly pool: Pool;

  constructor(options: PostgresSnapshotsOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? defaults.statementTimeoutMs;
    this.pool = new Pool({
      connectionString: options.url,
      max: poolSize,
      connectionTimeoutMillis: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      // The server may be gone without a word, and then nobody enforces its own timeout.
      query_timeout: statementTimeoutMs,
      keepAlive: true,
      application_name: 'fluxforge-snapshots',
    });
    outliveBrokenConnections(this.pool);
  }

  /** @throws StoreUnavailable */
  async list(of: SnapshotOf): Promise<Manifest[]> {
    const { rows } = await this.guarded((client) =>
      client.query<{ next: string; shape: string; checksum: string }>(
        `SELECT next, shape, checksum FROM snapshots
         WHERE context = $1 AND partition = $2 AND chunk = 0 ORDER BY next DESC LIMIT $3`,
        [of.context, of.partition, keptSnapshots],
      ),
    );
    return rows.map(({ next, shape, checksum }) => ({ next: Number(next), shape, checksum }));
  }

  /** @throws StoreUnavailable, or another error when it is not there any more */
  async read(of: SnapshotOf, manifest: Manifest): Promise<Buffer> {
    return this.guarded(async (client) => {
      const chunks: Buffer[] = [];
      for (let count = 1; chunks.length < count;) {
        const { rows } = await client.query<{ chunks: string; bytes: Buffer }>(
          `SELECT chunks, bytes FROM snapshots
           WHERE context = $1 AND partition = $2 AND next = $3 AND chunk = $4`,
          [of.context, of.partition, manifest.next, chunks.length],
        );
        const row = rows[0];
        if (!row) throw new Error(`chunk ${chunks.length} of the snapshot at ${manifest.next} is missing`);
        count = Number(row.chunks);
        chunks.push(row.bytes);
      }
      return Buffer.concat(chunks);
    });
  }

  /** @throws StoreUnavailable */
  async write(of: SnapshotOf, manifest: NewManifest, payload: Buffer): Promise<boolean> {
    return this.guarded(async (client) => {
      await client.query('BEGIN');
      const isNewer = await this.isNewest(client, of, manifest);
      if (isNewer) {
        await this.insert(client, of, manifest, payload);
        await this.dropOld(client, of);
      }
      await client.query(isNewer ? 'COMMIT' : 'ROLLBACK');
      return isNewer;
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  /** One writer of a partition at a time, or two owners could each find that theirs is the newest. */
  private async isNewest(client: PoolClient, of: SnapshotOf, { next }: Manifest): Promise<boolean> {
    await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [
      lockClass,
      `${of.context}/${of.partition}`,
    ]);
    const { rows } = await client.query<{ newest: string | null }>(
      'SELECT max(next) AS newest FROM snapshots WHERE context = $1 AND partition = $2',
      [of.context, of.partition],
    );
    const newest = rows[0]?.newest ?? null;
    return newest === null || Number(newest) < next;
  }

  private async insert(
    client: PoolClient,
    of: SnapshotOf,
    { next, shape, checksum, position }: NewManifest,
    payload: Buffer,
  ): Promise<void> {
    const chunks = Math.max(1, Math.ceil(payload.length / maxChunkBytes));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const bytes = payload.subarray(chunk * maxChunkBytes, (chunk + 1) * maxChunkBytes);
      await client.query(
        `INSERT INTO snapshots (context, partition, next, chunk, chunks, position, shape, checksum, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [of.context, of.partition, next, chunk, chunks, position, shape, checksum, bytes],
      );
    }
  }

  private async dropOld(client: PoolClient, of: SnapshotOf): Promise<void> {
    await client.query(
      `DELETE FROM snapshots WHERE context = $1 AND partition = $2 AND next < (
         SELECT min(next) FROM (
           SELECT next FROM snapshots WHERE context = $1 AND partition = $2 AND chunk = 0
           ORDER BY next DESC LIMIT $3) AS kept)`,
      [of.context, of.partition, keptSnapshots],
    );
  }

  private async guarded<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient;
    try {
      client = await this.pool.connect();
    } catch (error: unknown) {
      throw asStoreError(error);
    }
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error: unknown) {
      // Whatever the connection was in the middle of ends with it.
      client.release(true);
      throw asStoreError(error);
    }
  }
}
