import { Pool, types } from 'pg';
import { type ProjectionKey, type Standing } from '../positions/standing.js';
import { searchPath } from '../queries/data-source.js';
import { outliveBrokenConnections } from '../rows/pool-errors.js';
import { withClient } from '../rows/with-client.js';
import { type SqlRunner } from '../rows/table.js';

export interface ProjectionStoreOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  /** Another set of the same tables, while they are made anew. */
  readonly schema?: string;
}

/**
 * `elsewhere`: the stored position is not the expected one, so another process has moved it; nothing
 * was written, and whoever asked knows less than the table.
 */
export type CommitOutcome = 'committed' | 'elsewhere';

const int8 = 20;
const timestamptz = 1184;
const defaults = { connectTimeoutMs: 3_000, statementTimeoutMs: 15_000 };

/**
 * Every statement here finds rows by their whole key, and statistics of a table that has just been
 * filled mislead the planner into reading all of it. The log is the truth: what a crash of Postgres
 * takes back, rows and position alike, is projected again, so a commit need not wait for the disk.
 */
const sessionSettings =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off ' +
  '-c synchronous_commit=off -c TimeZone=UTC';

/** Writes of projections: rows and position in one transaction. */
export class ProjectionStore {
  private readonly pool: Pool;

  constructor(options: ProjectionStoreOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? defaults.statementTimeoutMs;
    this.pool = new Pool({
      connectionString: options.url,
      max: options.poolSize,
      connectionTimeoutMillis: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      // The server may be gone without a word, and then nobody enforces its own timeout.
      query_timeout: statementTimeoutMs + 1_000,
      keepAlive: true,
      application_name: 'fluxforge-projector',
      options: options.schema ? `${sessionSettings} ${searchPath(options.schema)}` : sessionSettings,
      types: { getTypeParser: parserOf },
    });
    outliveBrokenConnections(this.pool);
  }

  /** @throws StoreUnavailable, also while the tables are not there yet */
  async ping(): Promise<void> {
    await withClient(this.pool, (client) => client.query('SELECT 1 FROM positions LIMIT 1'));
  }

  /** Where the projection stands, or null when it has not begun. */
  async standing(key: ProjectionKey): Promise<Standing | null> {
    const found = await withClient(this.pool, (client) =>
      client.query<Record<string, unknown>>({
        name: 'standing',
        text: `SELECT next, epoch, term, owner, seq, hash, covers_commands FROM positions
               WHERE projection = $1 AND context = $2 AND partition = $3`,
        values: [key.projection, key.context, key.partition],
      }),
    );
    const row = found.rows[0];
    if (!row) return null;
    const { covers_commands, ...position } = row;
    return {
      position: position as unknown as Standing['position'],
      coversCommands: covers_commands as number,
    };
  }

  /** Makes the first position, unless there is one. */
  async begin(key: ProjectionKey, standing: Standing): Promise<void> {
    await withClient(this.pool, (client) =>
      client.query(
        `INSERT INTO positions (projection, context, partition, next, epoch, term, owner, seq, hash, covers_commands)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
        parametersOf(key, standing),
      ),
    );
  }

  /**
   * Moves the position from `expected` to `standing` and writes the rows, all or nothing. The position
   * comes first: its row's lock keeps a second process out until this one is done, so that `write`
   * reads rows that nobody else is changing.
   * @throws StoreUnavailable when it surely or possibly did not happen: ask `standing` which
   */
  async commit(
    key: ProjectionKey,
    expected: number,
    standing: Standing,
    write: (sql: SqlRunner) => Promise<void>,
  ): Promise<CommitOutcome> {
    return withClient(this.pool, async (client) => {
      await client.query('BEGIN');
      const moved = await client.query({
        name: 'move_position',
        text: `UPDATE positions SET next = $4, epoch = $5, term = $6, owner = $7, seq = $8, hash = $9,
                 covers_commands = $10
               WHERE projection = $1 AND context = $2 AND partition = $3 AND next = $11`,
        values: [...parametersOf(key, standing), expected],
      });
      if (moved.rowCount === 0) {
        await client.query('ROLLBACK');
        return 'elsewhere';
      }
      await write(client);
      await client.query('COMMIT');
      return 'committed';
    });
  }

  /**
   * Deletes output that came before, at most `limit` rows; answers how many. Rows that another process is
   * deleting are passed over.
   * @throws StoreUnavailable
   */
  async sweepOutput(beforeMs: number, limit: number): Promise<number> {
    const { rowCount } = await withClient(this.pool, (client) =>
      client.query({
        name: 'sweep_output',
        text: `DELETE FROM output WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM output WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
        values: [new Date(beforeMs).toISOString(), limit],
      }),
    );
    return rowCount ?? 0;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

function parametersOf(key: ProjectionKey, { position, coversCommands }: Standing): unknown[] {
  const { next, epoch, term, owner, seq, hash } = position;
  return [key.projection, key.context, key.partition, next, epoch, term, owner, seq, hash, coversCommands];
}

const parseTime = types.getTypeParser(timestamptz) as (text: string) => Date;

function parserOf(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === int8) return Number;
  if (oid === timestamptz) return (text) => parseTime(text).toISOString();
  return types.getTypeParser(oid, format) as (text: string) => unknown;
}
