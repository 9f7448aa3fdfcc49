import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { dataSourceOf } from '../queries/data-source.js';
import { migrate } from './migrate.js';

jest.setTimeout(30_000);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

describe('migrations', () => {
  it('run once, though many processes ask at one time', async () => {
    const done = await Promise.all([1, 2, 3].map(() => migrate({ url: database.url })));
    expect(done.flat()).toEqual([
      'FirstViews1700000000000',
      'OutputByAge1700000000001',
      'SchedulesAndFanouts1700000000002',
      'CapacityAndBatches1700000000003',
      'FanoutProgress1700000000004',
      'SnapshotHistory1700000000005',
    ]);
    expect(await migrate({ url: database.url })).toEqual([]);
  });

  it('make what the entities say', async () => {
    await migrate({ url: database.url });
    const source = dataSourceOf({
      url: database.url,
      poolSize: 1,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 10_000,
    });
    await source.initialize();
    try {
      const pending = await source.driver.createSchemaBuilder().log();
      // Indexes live in the migrations only; the schema builder would drop what entities do not name.
      const statements = pending.upQueries.map((q) => q.query).filter((q) => !q.startsWith('DROP INDEX'));
      expect(statements).toEqual([]);
    } finally {
      await source.destroy();
    }
  });
});
