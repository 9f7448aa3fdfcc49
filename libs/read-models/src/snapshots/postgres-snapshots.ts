import { Pool, type PoolClient } from 'pg';
import {
  mostListed,
  type Listed,
  type Manifest,
  type NewManifest,
  type SnapshotOf,
  type SnapshotStore,
} from '@fluxforge/events/snapshots';
import { outliveBrokenConnections } from '../rows/pool-errors.js';
import { withClient } from '../rows/with-client.js';

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
  async list(of: SnapshotOf): Promise<Listed[]> {
    const { rows } = await withClient(this.pool, (client) =>
      client.query<{ next: string; shape: string; checksum: string; covers: string | null; size: string }>(
        `SELECT next, shape, min(checksum) AS checksum, min(covers_foreign) AS covers, sum(length(bytes)) AS size
         FROM snapshots WHERE context = $1 AND partition = $2
         GROUP BY next, shape ORDER BY next DESC LIMIT $3`,
        [of.context, of.partition, mostListed],
      ),
    );
    return rows.map(({ next, shape, checksum, covers, size }) => {
      const foreignNext = covers === null ? null : Number(covers);
      return { next: Number(next), shape, checksum, foreignNext, bytes: Number(size) };
    });
  }

  /** @throws StoreUnavailable, or another error when it is not there any more */
  async read(of: SnapshotOf, manifest: Manifest): Promise<Buffer> {
    return withClient(this.pool, async (client) => {
      const chunks: Buffer[] = [];
      for (let count = 1; chunks.length < count;) {
        const { rows } = await client.query<{ chunks: string; bytes: Buffer }>(
          `SELECT chunks, bytes FROM snapshots
           WHERE context = $1 AND partition = $2 AND next = $3 AND shape = $4 AND chunk = $5`,
          [of.context, of.partition, manifest.next, manifest.shape, chunks.length],
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
    return withClient(this.pool, async (client) => {
      await client.query('BEGIN');
      const isNewer = await this.isNewest(client, of, manifest);
      if (isNewer) await this.insert(client, of, manifest, payload);
      await client.query(isNewer ? 'COMMIT' : 'ROLLBACK');
      return isNewer;
    });
  }

  /**
   * One after the other, so that no statement takes longer than one of them.
   * @throws StoreUnavailable
   */
  async drop(of: SnapshotOf, dropped: readonly Manifest[]): Promise<void> {
    if (dropped.length === 0) return;
    await withClient(this.pool, async (client) => {
      for (const { next, shape } of dropped)
        await client.query(
          'DELETE FROM snapshots WHERE context = $1 AND partition = $2 AND next = $3 AND shape = $4',
          [of.context, of.partition, next, shape],
        );
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  /** One writer of a partition at a time, or two owners could each find that theirs is the newest. */
  private async isNewest(client: PoolClient, of: SnapshotOf, { next, shape }: Manifest): Promise<boolean> {
    await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [
      lockClass,
      `${of.context}/${of.partition}`,
    ]);
    const { rows } = await client.query<{ newest: string | null }>(
      'SELECT max(next) AS newest FROM snapshots WHERE context = $1 AND partition = $2 AND shape = $3',
      [of.context, of.partition, shape],
    );
    const newest = rows[0]?.newest ?? null;
    return newest === null || Number(newest) < next;
  }

  private async insert(
    client: PoolClient,
    of: SnapshotOf,
    { next, shape, checksum, foreignNext, position }: NewManifest,
    payload: Buffer,
  ): Promise<void> {
    const chunks = Math.max(1, Math.ceil(payload.length / maxChunkBytes));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const bytes = payload.subarray(chunk * maxChunkBytes, (chunk + 1) * maxChunkBytes);
      await client.query(
        `INSERT INTO snapshots
           (context, partition, next, shape, chunk, chunks, position, checksum, covers_foreign, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [of.context, of.partition, next, shape, chunk, chunks, position, checksum, foreignNext, bytes],
      );
    }
  }
}
