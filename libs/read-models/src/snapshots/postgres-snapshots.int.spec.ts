import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { describeSnapshotStore, someSnapshot as manifestOf } from '@fluxforge/testing/snapshot-stores';
import { migrate } from '../migrations/migrate.js';
import { StoreUnavailable } from '../rows/pg-errors.js';
import { maxChunkBytes, PostgresSnapshots } from './postgres-snapshots.js';

jest.setTimeout(60_000);

const of = (partition: number) => ({ context: 'tasks', partition }) as const;

const patient = { statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 };

describeSnapshotStore('snapshots in Postgres, as everywhere', async () => {
  const database = await createTestDatabase();
  await migrate({ url: database.url });
  const store = new PostgresSnapshots({ url: database.url, ...patient });
  return {
    store,
    close: async () => {
      await store.close();
      await database.drop();
    },
  };
});

describe('snapshots in Postgres', () => {
  let database: TestDatabase;
  let store: PostgresSnapshots;
  let partition = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate({ url: database.url });
    store = new PostgresSnapshots({ url: database.url, ...patient });
  });
  beforeEach(() => {
    partition += 1;
  });
  afterAll(async () => {
    await store?.close();
    await database?.drop();
  });

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  it('are kept in chunks and read back whole', async () => {
    const sizes = [0, 1, maxChunkBytes, 2 * maxChunkBytes + 5];
    for (const [i, size] of sizes.entries()) {
      const payload = randomBytes(size);
      const manifest = manifestOf(10 + i, payload);
      expect(await store.write(of(partition), manifest, payload)).toBe(true);
      expect((await store.read(of(partition), manifest)).equals(payload)).toBe(true);
    }
    const chunks = await sql(`SELECT length(bytes) AS size FROM snapshots WHERE next = 13 ORDER BY chunk`);
    expect(chunks.map(({ size }) => size)).toEqual([maxChunkBytes, maxChunkBytes, 5]);
    expect(await store.list(of(partition + 1_000))).toEqual([]);
  });

  it('that the first versions have stored are read, and stand in the way of nothing', async () => {
    await sql(`ALTER TABLE snapshots DROP COLUMN covers_foreign, DROP CONSTRAINT snapshots_pkey,
      ADD PRIMARY KEY (context, partition, next, chunk)`);
    await sql(`DELETE FROM migrations WHERE name = 'SnapshotHistory1700000000005'`);
    const payload = Buffer.from('state');
    const { foreignNext: _, position, ...told } = manifestOf(7, payload);
    await sql(`INSERT INTO snapshots (context, partition, next, chunk, chunks, position, shape, checksum, bytes)
      VALUES ('tasks', ${partition}, 7, 0, 1, '${position}', '${told.shape}', '${told.checksum}', 'state')`);
    expect(await migrate({ url: database.url })).toEqual(['SnapshotHistory1700000000005']);
    const old = { ...told, foreignNext: null };
    expect(await store.list(of(partition))).toEqual([{ ...old, bytes: payload.length }]);
    expect((await store.read(of(partition), old)).equals(payload)).toBe(true);
    expect(await store.write(of(partition), manifestOf(7, payload), payload)).toBe(false);
    expect(await store.write(of(partition), manifestOf(8, payload), payload)).toBe(true);
    await store.drop(of(partition), [old]);
    expect((await store.list(of(partition))).map(({ next }) => next)).toEqual([8]);
  });

  it('are not there at all when their transaction did not come to its end', async () => {
    const payload = randomBytes(3 * maxChunkBytes);
    await sql(`CREATE FUNCTION refuse_${partition}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.partition = ${partition} AND NEW.chunk = 2 THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$`);
    await sql(
      `CREATE TRIGGER refuse BEFORE INSERT ON snapshots FOR EACH ROW EXECUTE FUNCTION refuse_${partition}()`,
    );
    try {
      await expect(store.write(of(partition), manifestOf(1, payload), payload)).rejects.toThrow();
    } finally {
      await sql('DROP TRIGGER refuse ON snapshots');
    }
    expect(await store.list(of(partition))).toEqual([]);
    expect(await store.write(of(partition), manifestOf(1, payload), payload)).toBe(true);
  });

  it('fail within about a second when Postgres is away, refused or silent', async () => {
    const { hostname, port } = new URL(database.url);
    const proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
    const url = new URL(database.url);
    url.port = String(proxy.address.port);
    const through = new PostgresSnapshots({ url: url.toString() });
    try {
      const payload = Buffer.from('state');
      expect(await through.write(of(partition), manifestOf(1, payload), payload)).toBe(true);
      const fails = async (): Promise<number> => {
        const startedMs = performance.now();
        await expect(through.list(of(partition))).rejects.toBeInstanceOf(StoreUnavailable);
        return performance.now() - startedMs;
      };
      proxy.blackhole();
      // The open connection first waits for its answer, then a new one for its greeting.
      expect(await fails()).toBeLessThan(3_000);
      expect(await fails()).toBeLessThan(2_000);
      proxy.refuse();
      expect(await fails()).toBeLessThan(2_000);
      await proxy.heal();
      expect(await through.list(of(partition))).toHaveLength(1);
    } finally {
      await through.close();
      await proxy.close();
    }
  });
});
