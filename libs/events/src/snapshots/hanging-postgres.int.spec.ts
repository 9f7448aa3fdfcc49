import { PostgresSnapshots } from '@fluxforge/read-models/snapshots';
import { migrate } from '@fluxforge/read-models';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { eventually } from '../log.features.js';
import { LedgerWorld, partition, shape } from './ledger.fixture.js';
import { SnapshotLoader } from './loader.js';
import { type SnapshotStore } from './stored-snapshot.js';

jest.setTimeout(60_000);

/** Of a takeover, beyond the group's verdict. */
const mostMs = 5_000;
/** The pool of a store, which all that a process asks of it shares. */
const mostConnections = 2;

/** A Postgres that hangs takes connections and bytes, and never answers. */
describe('snapshots while Postgres hangs', () => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  let postgres: PostgresSnapshots;
  let world: LedgerWorld;
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

  beforeAll(async () => {
    process.on('unhandledRejection', onUnhandled);
    database = await createTestDatabase();
    await migrate({ url: database.url });
  });
  beforeEach(async () => {
    const url = new URL(database.url);
    proxy = await FaultProxy.start({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.address.port);
    postgres = new PostgresSnapshots({ url: url.toString() });
    world = await LedgerWorld.inMemory();
  });
  afterEach(async () => {
    await world.close();
    await postgres.close();
    await proxy.close();
    expect(unhandled.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    process.off('unhandledRejection', onUnhandled);
    await database?.drop();
  });

  /** As a process has it: with the deadlines of production. */
  function loaderOf(stores: readonly SnapshotStore[]): SnapshotLoader {
    return new SnapshotLoader(world.log, stores, {
      context: 'tasks',
      shape,
      eventsTopic: world.topics.events.tasks,
      onIgnored: (_of, { store, because }) => void world.ignored.push(`${store}: ${because}`),
      onStoreFailed: (_of, store, error) => void world.ignored.push(`${store}: ${String(error)}`),
    });
  }

  /** An owner has come and gone; its snapshots lie in these stores. */
  async function history(stores: readonly SnapshotStore[]): Promise<string[]> {
    const owner = await world.own('tasks');
    const own = await world.send('tasks', 20);
    await world.untilSeen(owner, own, []);
    if (stores.length > 0) await world.keeper('tasks', {}, stores).turn();
    await owner.close();
    return own;
  }

  async function takeOver(stores: readonly SnapshotStore[], own: readonly string[]) {
    const startMs = performance.now();
    const owner = await world.own('tasks', loaderOf(stores));
    await world.untilSeen(owner, own, []);
    expect(performance.now() - startMs).toBeLessThan(mostMs);
    expect(owner.group.runner(partition)!.host.view).toEqual({ own, foreign: [] });
    return owner;
  }

  const untilNoConnection = () => eventually('no connection is left', () => proxy.openConnections === 0);

  it('leave a takeover its local copy', async () => {
    const own = await history([world.disk]);
    proxy.blackhole();
    const owner = await takeOver([world.disk, postgres], own);
    expect(owner.begunAt[0]).toBeGreaterThan(20);
    expect(world.ignored).toEqual([expect.stringMatching(/^postgres: .*within 1000 ms|timeout/)]);
    await untilNoConnection();
  });

  it('leave a takeover the log when there is no local copy', async () => {
    const own = await history([]);
    proxy.blackhole();
    const owner = await takeOver([world.disk, postgres], own);
    expect(owner.begunAt).toEqual([null]);
    await untilNoConnection();
  });

  it('leave a takeover its older local copy when Postgres hangs once it has said what it holds', async () => {
    const own = await history([world.disk, postgres]);
    const owner = await world.own('tasks');
    own.push(...(await world.send('tasks', 5)));
    await world.untilSeen(owner, own, []);
    await world.keeper('tasks', {}, [postgres]).turn();
    await owner.close();
    const hanging: SnapshotStore = {
      name: 'postgres',
      list: async (of) => {
        const manifests = await postgres.list(of);
        proxy.blackhole();
        return manifests;
      },
      read: (of, manifest) => postgres.read(of, manifest),
      write: (of, manifest, payload) => postgres.write(of, manifest, payload),
      drop: (of, dropped) => postgres.drop(of, dropped),
      close: () => postgres.close(),
    };
    const next = await takeOver([world.disk, hanging], own);
    expect(next.begunAt[0]).toBeGreaterThan(20);
    expect(world.ignored).toContain('postgres: unreadable');
    await untilNoConnection();
  });

  it('of many partitions at one time wait for it side by side', async () => {
    proxy.blackhole();
    const loader = loaderOf([postgres]);
    const startMs = performance.now();
    const loaded = await Promise.all(Array.from({ length: 24 }, (_, p) => loader.load(p)));
    expect(performance.now() - startMs).toBeLessThan(mostMs / 2);
    expect(loaded.every((snapshot) => snapshot === null)).toBe(true);
    expect(proxy.openConnections).toBeLessThanOrEqual(mostConnections);
    await untilNoConnection();
  });

  it('are made on the disk, and in Postgres once it answers again, by a keeper that holds no connection', async () => {
    const owner = await world.own('tasks');
    const keeper = world.keeper('tasks', {}, [world.disk, postgres]);
    proxy.blackhole();
    for (let made = 1; made <= 2 * mostConnections; made += 1) {
      await world.untilSeen(owner, await world.send('tasks', 3), []);
      await keeper.turn();
      expect(world.outcomes().filter((outcome) => outcome === 'made')).toHaveLength(made);
      expect(proxy.openConnections).toBeLessThanOrEqual(mostConnections);
    }
    expect(world.outcomes()).toContain('not_on_postgres');
    await untilNoConnection();
    await proxy.heal();
    await world.untilSeen(owner, await world.send('tasks', 3), []);
    await keeper.turn();
    expect(await postgres.list({ context: 'tasks', partition })).not.toEqual([]);
  });
});
