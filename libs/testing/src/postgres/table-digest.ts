import { createHash } from 'node:crypto';
import { Client } from 'pg';

/** SHA-256 over each table's rows in the order of all their columns: equal digests are equal tables. */
export async function tableDigests(url: string, tables: readonly string[]): Promise<Record<string, string>> {
  const client = new Client({ connectionString: url, options: '-c TimeZone=UTC' });
  await client.connect();
  try {
    const digests: Record<string, string> = {};
    for (const table of tables) {
      const { rows } = await client.query<{ row: string }>(
        `SELECT t::text AS row FROM "${table}" t ORDER BY t::text COLLATE "C"`,
      );
      const hash = createHash('sha256');
      for (const { row } of rows) hash.update(row).update('\n');
      digests[table] = `${rows.length}:${hash.digest('hex')}`;
    }
    return digests;
  } finally {
    await client.end();
  }
}
