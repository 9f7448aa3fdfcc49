import { Client } from 'pg';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import {
  Scribe,
  someState,
  writeAgent,
  writeFanout,
  writeHealedState,
  writeTask,
} from '@fluxforge/testing/history';
import { createTestDatabase, tableDigests, type TestDatabase } from '@fluxforge/testing/postgres';
import { type ContextName } from '@fluxforge/events/catalogue';
import { migrate } from '../migrations/migrate.js';
import { openReadModels } from '../queries/open.js';
import { atStart, type Standing, viewsProjection } from '../positions/standing.js';
import { projectEvents } from './project-events.js';
import { projectedEventOf, type ProjectedEvent } from './projected-event.js';
import { ProjectionStore } from './projection-store.js';
import { StoreUnavailable } from '../rows/pg-errors.js';
import { foldedTables } from './view-rows.js';

jest.setTimeout(30_000);

interface Portion {
  readonly events: readonly ProjectedEvent[];
  readonly end: Standing;
}

/** The scribe's log cut into batches of this size, each with the position behind it. */
function portionsOf(scribe: Scribe, context: ContextName, size: number): Portion[] {
  const reader = new JournalReader(startOfLog);
  const records = scribe.stored();
  const portions: Portion[] = [];
  for (let i = 0; i < records.length; i += size) {
    const events = records.slice(i, i + size).map((record) => {
      reader.read(record);
      return projectedEventOf(record, { context, partition: 0, hash: reader.position.hash });
    });
    const coversCommands = events.at(-1)?.coversCommands ?? 0;
    portions.push({ events, end: { position: reader.position, coversCommands } });
  }
  return portions;
}

const keyOf = (context: ContextName) => ({ projection: viewsProjection, context, partition: 0 });

async function projectAll(
  store: ProjectionStore,
  scribe: Scribe,
  context: ContextName,
  size: number,
): Promise<void> {
  await store.begin(keyOf(context), atStart);
  let expected = 0;
  for (const { events, end } of portionsOf(scribe, context, size)) {
    expect(await store.commit(keyOf(context), expected, end, (sql) => projectEvents(events, sql))).toBe(
      'committed',
    );
    expected = end.position.next;
  }
}

function tasksHistory(): Scribe {
  const scribe = new Scribe('tasks');
  for (let i = 0; i < 5; i++) writeAgent(scribe, `a${i}`);
  for (let i = 0; i < 40; i++) writeTask(scribe, `k${i}`, `a${i % 5}`);
  writeFanout(scribe, 'f1');
  scribe.claim('next-owner');
  for (let i = 0; i < 10; i++) writeTask(scribe, `n${i}`);
  return scribe;
}

function statesHistory(): Scribe {
  const scribe = new Scribe('states');
  for (let i = 0; i < 8; i++) writeHealedState(scribe, `s${i}`, ['a1', 'a2', 'a3']);
  scribe.event('state.deleted', { state_id: 's1' });
  scribe.event('state.declared', { state_id: 's1', name: 's1', labels: {}, generation: 1, spec: someState });
  scribe.event('targets.changed', { state_id: 's1', added: ['a9'], removed: [] });
  scribe.event('targets.changed', {
    state_id: 's2',
    added: [],
    removed: [{ agent_id: 'a2', reason: 'agent_removed' }],
  });
  return scribe;
}

const databases: TestDatabase[] = [];
const stores: ProjectionStore[] = [];

async function freshStore(): Promise<{ store: ProjectionStore; url: string }> {
  const database = await createTestDatabase();
  databases.push(database);
  await migrate({ url: database.url });
  const store = new ProjectionStore({ url: database.url, poolSize: 2 });
  stores.push(store);
  return { store, url: database.url };
}

/** From outside; resolves when the server has let it go and the news has had its time to arrive. */
async function endConnection(url: string, pid: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
    await client.query('SELECT pg_sleep(0.1)');
  } finally {
    await client.end();
  }
}

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const database of databases) await database.drop();
});

describe('projection store', () => {
  it('comes to the same tables however the log is cut into batches', async () => {
    const digests = [];
    for (const size of [1, 7, 1000]) {
      const { store, url } = await freshStore();
      await projectAll(store, tasksHistory(), 'tasks', size);
      await projectAll(store, statesHistory(), 'states', size);
      digests.push(await tableDigests(url, [...foldedTables, 'positions']));
    }
    expect(digests[1]).toEqual(digests[0]);
    expect(digests[2]).toEqual(digests[0]);
    expect(digests[0]?.['tasks']).toMatch(/^57:/);
    expect(digests[0]?.['fanout_progress']).toMatch(/^1:/);
    expect(digests[0]?.['targets']).toMatch(/^21:/);
  });

  it('refuses a batch twice and leaves everything as it is', async () => {
    const { store, url } = await freshStore();
    const scribe = tasksHistory();
    await projectAll(store, scribe, 'tasks', 1000);
    const before = await tableDigests(url, [...foldedTables, 'positions']);
    const [portion] = portionsOf(scribe, 'tasks', 1000);
    const again = await store.commit(keyOf('tasks'), 0, portion!.end, (sql) =>
      projectEvents(portion!.events, sql),
    );
    expect(again).toBe('elsewhere');
    expect(await tableDigests(url, [...foldedTables, 'positions'])).toEqual(before);
  });

  it('writes neither rows nor position when it breaks between the two', async () => {
    const { store, url } = await freshStore();
    const [first] = portionsOf(tasksHistory(), 'tasks', 20);
    await store.begin(keyOf('tasks'), atStart);
    const before = await tableDigests(url, [...foldedTables, 'positions']);
    const broken = store.commit(keyOf('tasks'), 0, first!.end, async (sql) => {
      await projectEvents(first!.events, sql);
      await sql.query({
        name: 'kill_self',
        text: 'SELECT pg_terminate_backend(pg_backend_pid())',
        values: [],
      });
    });
    await expect(broken).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await tableDigests(url, [...foldedTables, 'positions'])).toEqual(before);
    const retried = await store.commit(keyOf('tasks'), 0, first!.end, (sql) =>
      projectEvents(first!.events, sql),
    );
    expect(retried).toBe('committed');
  });

  it('outlives a connection that breaks between two statements of a transaction', async () => {
    const { store, url } = await freshStore();
    const [first] = portionsOf(tasksHistory(), 'tasks', 20);
    await store.begin(keyOf('tasks'), atStart);
    const broken = store.commit(keyOf('tasks'), 0, first!.end, async (sql) => {
      const { rows } = await sql.query({
        name: 'own_pid',
        text: 'SELECT pg_backend_pid() AS pid',
        values: [],
      });
      await endConnection(url, Number(rows[0]!['pid']));
      await projectEvents(first!.events, sql);
    });
    await expect(broken).rejects.toBeInstanceOf(StoreUnavailable);
    const retried = await store.commit(keyOf('tasks'), 0, first!.end, (sql) =>
      projectEvents(first!.events, sql),
    );
    expect(retried).toBe('committed');
  });

  it('lets one of two win that write the same place, and the other writes nothing', async () => {
    const { store } = await freshStore();
    const [first] = portionsOf(tasksHistory(), 'tasks', 50);
    await store.begin(keyOf('tasks'), atStart);
    const outcomes = await Promise.all(
      [1, 2].map(() =>
        store.commit(keyOf('tasks'), 0, first!.end, (sql) => projectEvents(first!.events, sql)),
      ),
    );
    expect(outcomes.sort()).toEqual(['committed', 'elsewhere']);
    expect(await store.standing(keyOf('tasks'))).toEqual(first!.end);
  });

  it('holds what Postgres cannot: NUL and half surrogates', async () => {
    const { store, url } = await freshStore();
    const scribe = new Scribe('states');
    writeHealedState(scribe, 's1', ['a1']);
    const output_tail = 'a\u0000b\ud800c \\u0000';
    const target = { state_id: 's1', agent_id: 'a1', generation: 1, round: 3 };
    scribe.event('drift.detected', { ...target, outcome: 'exited', exit_code: 1, output_tail });
    await projectAll(store, scribe, 'states', 1000);
    const models = openReadModels({ url });
    try {
      const [row] = (await models.states.targets('t1', 's1')).items;
      expect(row?.last_output).toBe('a\uFFFDb\uFFFDc \\u0000');
      const events = await models.events.ofEntity(
        't1',
        { kind: 'state', id: 's1' },
        { descending: true, limit: 1 },
      );
      expect(events.items[0]?.data['output_tail']).toBe('a\uFFFDb\uFFFDc \\u0000');
    } finally {
      await models.close();
    }
  });

  it('says that Postgres is away, or not migrated', async () => {
    const away = new ProjectionStore({ url: 'postgres://x:y@127.0.0.1:1/none', poolSize: 1 });
    await expect(away.ping()).rejects.toBeInstanceOf(StoreUnavailable);
    await away.close();
    const database = await createTestDatabase();
    databases.push(database);
    const empty = new ProjectionStore({ url: database.url, poolSize: 1 });
    stores.push(empty);
    await expect(empty.ping()).rejects.toBeInstanceOf(StoreUnavailable);
  });
});
