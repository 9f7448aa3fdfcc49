import { Client } from 'pg';
import { migrate } from '../migrations/migrate.js';
import { viewsProjection } from '../positions/standing.js';
import { foldedTables } from '../projection/view-rows.js';

/** Where the views are made anew, beside the live ones. */
export const rebuildSchema = 'rebuild';

const lockId = 7_051_900_418;

/** The live views, held still: nobody moves their positions until `swap` or `release`. */
export interface LiveHold {
  /** By `context/partition`: where the live views stand. */
  readonly next: ReadonlyMap<string, number>;
  /** The tables made anew take the place of the live ones, positions included, in one transaction. */
  swap(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Making the views anew beside the live ones. One at a time: an advisory lock is held as long as the
 * connection lives. What a broken-off rebuild left behind is dropped by the next. Telemetry tables are no
 * folds of the log and stay as they are.
 */
export class Rebuild {
  private constructor(private readonly client: Client) {}

  static async begin(url: string): Promise<Rebuild> {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      application_name: 'fluxforge-rebuild',
    });
    await client.connect();
    try {
      const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
        lockId,
      ]);
      if (!rows[0]?.locked) throw new Error('another rebuild is under way');
      await client.query(`DROP SCHEMA IF EXISTS ${rebuildSchema} CASCADE`);
      await client.query(`CREATE SCHEMA ${rebuildSchema}`);
      await migrate({ url, schema: rebuildSchema });
      return new Rebuild(client);
    } catch (error: unknown) {
      await client.end();
      throw error;
    }
  }

  /** A projector that wants to commit waits meanwhile, so this is for the last few records only. */
  async holdLive(): Promise<LiveHold> {
    const { client } = this;
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = '10s'`);
    await client.query('LOCK TABLE positions IN SHARE ROW EXCLUSIVE MODE');
    const { rows } = await client.query<{ context: string; partition: string; next: string }>(
      'SELECT context, partition, next FROM positions WHERE projection = $1',
      [viewsProjection],
    );
    return {
      next: new Map(rows.map((row) => [`${row.context}/${row.partition}`, Number(row.next)])),
      swap: () => this.swap(),
      release: async () => void (await client.query('ROLLBACK')),
    };
  }

  async end(): Promise<void> {
    await this.client.query(`DROP SCHEMA IF EXISTS ${rebuildSchema} CASCADE`).catch(() => {});
    await this.client.end();
  }

  private async swap(): Promise<void> {
    const { client } = this;
    const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema');
    const live = client.escapeIdentifier(rows[0]!.schema);
    for (const table of foldedTables) {
      await client.query(`DROP TABLE ${live}."${table}"`);
      await client.query(`ALTER TABLE ${rebuildSchema}."${table}" SET SCHEMA ${live}`);
    }
    await client.query(`DELETE FROM ${live}.positions WHERE projection = $1`, [viewsProjection]);
    await client.query(
      `INSERT INTO ${live}.positions SELECT * FROM ${rebuildSchema}.positions WHERE projection = $1`,
      [viewsProjection],
    );
    await client.query('COMMIT');
  }
}
