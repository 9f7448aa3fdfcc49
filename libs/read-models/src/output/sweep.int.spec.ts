import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { migrate } from '../migrations/migrate.js';
import { ProjectionStore } from '../projection/projection-store.js';

jest.setTimeout(30_000);

let database: TestDatabase;
let store: ProjectionStore;
let client: Client;
beforeAll(async () => {
  database = await createTestDatabase();
  await migrate({ url: database.url });
  store = new ProjectionStore({ url: database.url, poolSize: 2 });
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await store?.close();
  await database?.drop();
});

it('old output is deleted, so many rows at a time, and what is young stays', async () => {
  await client.query(
    `INSERT INTO output (tenant_id, task_id, life, attempt, stream, seq, arrival, at, agent_id, data, gap_bytes)
     SELECT 't', 'task', 1, 1, 'stdout', i, i, to_timestamp(i), 'agent', 'x', 0 FROM generate_series(1, 100) i`,
  );
  const beforeMs = 61_000;
  expect(await store.sweepOutput(beforeMs, 40)).toBe(40);
  const swept = await Promise.all([store.sweepOutput(beforeMs, 40), store.sweepOutput(beforeMs, 40)]);
  expect(swept.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(20);
  while ((await store.sweepOutput(beforeMs, 40)) > 0);
  const { rows } = await client.query(`SELECT min(seq)::int AS least, count(*)::int AS count FROM output`);
  expect(rows).toEqual([{ least: 61, count: 40 }]);
});
