import { dataSourceOf } from '../queries/data-source.js';

export interface MigrateOptions {
  readonly url: string;
  /** Of one statement; making an index on a large table takes its time. */
  readonly statementTimeoutMs?: number;
  readonly schema?: string;
}

/** Any number, as long as nobody else in the database locks the same one. */
const lockId = 7_051_900_417;

/**
 * Brings the schema up to date and answers the names of the migrations that were run. Any number of
 * processes may call it at once: an advisory lock lets one work, and the others then find nothing to do.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const source = dataSourceOf({
    url: options.url,
    // One for the lock, one for the migrations.
    poolSize: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 600_000,
    schema: options.schema ?? null,
  });
  await source.initialize();
  try {
    const locked = source.createQueryRunner();
    try {
      // Held by the session: it goes away with the connection, however this process ends.
      await locked.query('SELECT pg_advisory_lock($1)', [lockId]);
      const done = await source.runMigrations({ transaction: 'all' });
      await locked.query('SELECT pg_advisory_unlock($1)', [lockId]);
      return done.map((migration) => migration.name);
    } finally {
      await locked.release();
    }
  } finally {
    await source.destroy();
  }
}
