import { createHash, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { type NewManifest } from '@fluxforge/events/snapshots';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { migrate } from '../migrations/migrate.js';
import { StoreUnavailable } from '../rows/pg-errors.js';
import { maxChunkBytes, PostgresSnapshots } from './postgres-snapshots.js';

jest.setTimeout(60_000);

const of = (partition: number) => ({ context: 'tasks', partition }) as const;

function manifestOf(next: number, payload: Buffer): NewManifest {
  const checksum = createHash('sha256').update(payload).digest('hex');
  return { next, shape: 'tasks-1', checksum, position: `${next}/1.1/o/1/h` };
}

describe('snapshots in Postgres', () => {
  let database: TestDatabase;
  let store: PostgresSnapshots;
  let partition = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate({ url: database.url });
    store = new PostgresSnapshots({
      url: database.url,
      statementTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
    });
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

  it('are replaced by newer ones only, and the last two are kept', async () => {
    const payload = Buffer.from('state');
    const write = (next: number) => store.write(of(partition), manifestOf(next, payload), payload);
    expect(await write(5)).toBe(true);
    expect(await write(5)).toBe(false);
    expect(await write(4)).toBe(false);
    expect(await write(7)).toBe(true);
    expect(await write(9)).toBe(true);
    const { position: _, ...manifest } = manifestOf(9, payload);
    expect(await store.list(of(partition))).toEqual([manifest, { ...manifest, next: 7 }]);
    await expect(store.read(of(partition), manifestOf(5, payload))).rejects.toThrow(/missing/);
  });

  it('of many writers at one time end with the newest', async () => {
    const payload = randomBytes(maxChunkBytes + 1);
    const nexts = Array.from({ length: 12 }, (_, i) => 100 + ((i * 7) % 12));
    await Promise.all(nexts.map((next) => store.write(of(partition), manifestOf(next, payload), payload)));
    expect((await store.list(of(partition)))[0]?.next).toBe(111);
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
