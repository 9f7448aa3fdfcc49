import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Closes every connection to it and drops it. */
  drop(): Promise<void>;
}

/**
 * A database of its own for one spec file, on the Postgres that `npm test` has started.
 * @throws when FLUXFORGE_TEST_POSTGRES_URL is not set: a spec that needs Postgres fails without it
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env['FLUXFORGE_TEST_POSTGRES_URL'];
  if (!server) throw new Error('FLUXFORGE_TEST_POSTGRES_URL is not set; run this spec through `npm test`');
  const name = `ff_test_${randomBytes(6).toString('hex')}`;
  await asAdmin(server, `CREATE DATABASE "${name}"`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.toString(),
    drop: () => asAdmin(server, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
  };
}

async function asAdmin(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
