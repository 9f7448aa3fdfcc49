import { Client } from 'pg';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import { type ContextName } from '@fluxforge/events/catalogue';
import { Scribe, writeAgent, writeFanout, writeHealedState, writeTask } from '@fluxforge/testing/history';
import { createTestDatabase, type TestDatabase } from '@fluxforge/testing/postgres';
import { projectLoad } from '../last-seen/project-load.js';
import { migrate } from '../migrations/migrate.js';
import { projectOutput } from '../output/project-output.js';
import { atStart, outputProjection, viewsProjection, type Standing } from '../positions/standing.js';
import { projectEvents } from '../projection/project-events.js';
import { projectedEventOf } from '../projection/projected-event.js';
import { ProjectionStore } from '../projection/projection-store.js';
import { BadCursor, ReadModelsUnavailable, type Page } from './common.js';
import { openReadModels } from './open.js';
import { type ReadModels } from './read-models.js';

jest.setTimeout(30_000);

let database: TestDatabase;
let store: ProjectionStore;
let models: ReadModels;

async function project(scribe: Scribe, context: ContextName, partition: number): Promise<Standing> {
  const reader = new JournalReader(startOfLog);
  const events = scribe.stored().map((record) => {
    reader.read(record);
    return projectedEventOf(record, { context, partition, hash: reader.position.hash });
  });
  const key = { projection: viewsProjection, context, partition };
  const end = { position: reader.position, coversCommands: events.at(-1)?.coversCommands ?? 0 };
  await store.begin(key, atStart);
  const at = await store.standing(key);
  const { next } = at!.position;
  const fresh = events.filter(({ offset }) => offset >= next);
  await store.commit(key, next, end, (sql) => projectEvents(fresh, sql));
  return end;
}

const chunk = {
  life: 1,
  attempt: 1,
  agent_id: 'a1',
  at: '2025-01-01T00:00:00.000Z',
  gap_bytes: 0,
  eof: null,
};

async function sql(text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<object>(text)).rows;
  } finally {
    await client.end();
  }
}

async function everything<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    all.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate({ url: database.url });
  store = new ProjectionStore({ url: database.url, poolSize: 2 });
  models = openReadModels({ url: database.url });
  // Two tenants with the same ids everywhere: what leaks between them shows.
  for (const [partition, tenant] of ['tenant-one', 'tenant-two'].entries()) {
    const tasks = new Scribe('tasks', tenant);
    tasks.event('tenant.created', {
      tenant_id: tenant,
      name: `name of ${tenant}`,
      limits: { max_queued_tasks: 10, max_agents: 10, max_states: 10 },
    });
    tasks.event('tenant.key-added', {
      key_id: 'key',
      key_hash: 'f'.repeat(64),
      role: 'admin',
      label: tenant,
    });
    for (let i = 0; i < 3; i++) writeAgent(tasks, `a${i}`);
    for (let i = 0; i < 25; i++) writeTask(tasks, `k${i}`, `a${i % 3}`, { actor: `key:${tenant}` });
    const states = new Scribe('states', tenant);
    for (let i = 0; i < 5; i++) writeHealedState(states, `s${i}`, ['a0', 'a1', 'a2']);
    await project(tasks, 'tasks', partition);
    await project(states, 'states', partition);
    await store.begin({ projection: outputProjection, context: 'logs', partition }, atStart);
    await store.commit(
      { projection: outputProjection, context: 'logs', partition },
      0,
      { ...atStart, position: { ...startOfLog, next: 9 } },
      async (sql) => {
        const pieces = ['out', 'err', 'more'].map((text, i) => ({
          ...chunk,
          tenant_id: tenant,
          task_id: 'k1',
          stream: i === 1 ? ('stderr' as const) : ('stdout' as const),
          seq: i === 2 ? 1 : 0,
          arrival: i,
          data: Buffer.from(`${text} of ${tenant}`),
        }));
        await projectOutput(pieces, sql);
        const load = {
          cpu_percent: 1.5,
          ram_used_bytes: 1,
          ram_total_bytes: 2,
          slots: 4,
          free_slots: partition,
        };
        await projectLoad([{ ...load, tenant_id: tenant, agent_id: 'a1', seen_at: chunk.at }], sql);
      },
    );
  }
}, 30_000);

afterAll(async () => {
  await models?.close();
  await store?.close();
  await database?.drop();
});

describe('pages', () => {
  it('give every task once, newest first, whatever the size', async () => {
    const all = await everything((cursor) => models.tasks.list('tenant-one', { limit: 7, cursor }));
    expect(all.map((t) => t.id)).toEqual(Array.from({ length: 25 }, (_, i) => `k${24 - i}`));
  });

  it('stay where they are while rows come in ahead of them', async () => {
    const first = await models.tasks.list('tenant-one', { limit: 10 });
    const rest = await everything((cursor) =>
      models.tasks.list('tenant-one', { limit: 10, cursor: cursor ?? first.next_cursor }),
    );
    expect(first.items.length + rest.length).toBe(25);
  });

  it.each([
    'nonsense',
    Buffer.from('["states","x"]').toString('base64url'),
    Buffer.from('["tasks",1,2]').toString('base64url'),
  ])('refuse the cursor %s', async (cursor) => {
    await expect(models.tasks.list('tenant-one', { cursor })).rejects.toBeInstanceOf(BadCursor);
  });

  it('refuse a cursor of another list', async () => {
    const { next_cursor } = await models.states.list('tenant-one', { limit: 1 });
    await expect(models.tasks.list('tenant-one', { cursor: next_cursor })).rejects.toBeInstanceOf(BadCursor);
  });

  it('are never longer than the greatest', async () => {
    expect((await models.tasks.list('tenant-one', { limit: 1e9 })).items).toHaveLength(25);
    expect((await models.tasks.list('tenant-one', { limit: -1 })).items).toHaveLength(1);
  });
});

describe('rows', () => {
  it('of states are flat, with counts and conditions', async () => {
    const state = await models.states.get('tenant-one', 's1');
    expect(state).toMatchObject({
      id: 's1',
      name: 's1',
      generation: 1,
      resource_version: 1,
      check_cmd: 'test -f /tmp/x',
      interval_ms: 60_000,
      status: { suspended: false, targets: { total: 3, compliant: 1, unknown: 2 } },
    });
    expect(state?.created_at).toMatch(/^2025-01-01T00:00:00\.\d{3}Z$/);
    expect(state?.status.conditions.map((c) => c.type)).toEqual([
      'compliant',
      'remediating',
      'given_up',
      'suspended',
    ]);
  });

  it('of targets tell what is known of each agent', async () => {
    const targets = await everything((cursor) =>
      models.states.targets('tenant-one', 's1', { limit: 2, cursor }),
    );
    expect(targets).toMatchObject([
      { agent_id: 'a0', compliance: 'compliant', generation: 1, checked_generation: 1, attempts: 1 },
      { agent_id: 'a1', compliance: 'unknown', checked_generation: 0 },
      { agent_id: 'a2', compliance: 'unknown' },
    ]);
    expect((await models.states.targets('tenant-one', 's1', { compliance: 'compliant' })).items).toHaveLength(
      1,
    );
    expect((await models.states.targets('tenant-one', 'none')).items).toEqual([]);
  });

  it('of tasks carry the spec and how it went', async () => {
    expect(await models.tasks.get('tenant-one', 'k1')).toMatchObject({
      id: 'k1',
      name: 'say hello',
      command: 'echo hello',
      kind: 'adhoc',
      status: { phase: 'ended', end: 'succeeded', exit_code: 0, agent_id: 'a1', output: { stdout_bytes: 6 } },
    });
    expect(await models.tasks.attempts('tenant-one', 'k1')).toMatchObject([
      { attempt: 1, life: 1, agent_id: 'a1', phase: 'ended', outcome: 'exited', decision: { candidates: 2 } },
    ]);
    expect(await models.tasks.attempts('tenant-one', 'k1', 2)).toEqual([]);
  });

  it('of agents carry their load', async () => {
    expect(await models.agents.get('tenant-two', 'a1')).toMatchObject({
      status: { phase: 'found', load: { free_slots: 1, cpu_percent: 1.5 } },
    });
    const agents = (await models.agents.list('tenant-one')).items;
    expect(agents.map((a) => a.status.load !== null)).toEqual([false, true, false]);
  });

  it('of fan-outs count their members, while they run and at their end', async () => {
    const scribe = new Scribe('tasks', 'tenant-fan');
    writeFanout(scribe, 'f1');
    await project(scribe, 'tasks', 7);
    const sums = { queued: 2, running: 1, succeeded: 1, failed: 1, not_started: 1, unknown: 1 };
    const running = { phase: 'running', members: 8, ...sums, ended_at: null };
    expect((await models.fanouts.get('tenant-fan', 'f1'))?.status).toMatchObject(running);
    expect((await models.fanouts.list('tenant-fan')).items).toMatchObject([{ id: 'f1', status: running }]);
    // Of another tenant and from before there were counts: the row is there, and nobody counted.
    const old = new Scribe('tasks', 'tenant-old');
    writeFanout(old, 'f1');
    await project(old, 'tasks', 8);
    await sql(`DELETE FROM fanout_progress WHERE tenant_id = 'tenant-old'`);
    const none = { queued: null, running: null, succeeded: null, failed: null, not_started: null };
    expect((await models.fanouts.get('tenant-old', 'f1'))?.status).toMatchObject({ members: 8, ...none });
    const end = { succeeded: 7, failed: 1, not_started: 0, unknown: 0 };
    const members = [{ agent_id: 'a6', end: 'failed' as const }];
    scribe.event('fanout.ended', { fanout_id: 'f1', reason: 'fanout_complete', ...end, members });
    await project(scribe, 'tasks', 7);
    const over = { phase: 'ended', members: 8, queued: 0, running: 0, ...end };
    expect((await models.fanouts.get('tenant-fan', 'f1'))?.status).toMatchObject(over);
    expect(await sql('SELECT 1 FROM fanout_progress')).toEqual([]);
  });

  it('of events come in order, for an entity and for all, without the hashes of secrets', async () => {
    const ofTask = (await models.events.ofEntity('tenant-one', { kind: 'task', id: 'k3' })).items;
    expect(ofTask.map((e) => e.type)).toEqual(['task.queued', 'task.leased', 'task.started', 'task.ended']);
    expect(ofTask[0]).toMatchObject({ actor: 'key:tenant-one', command_id: 'c-k3', context: 'tasks' });
    const all = await everything((cursor) => models.events.list('tenant-one', { limit: 40, cursor }));
    expect(all).toHaveLength(2 + 6 + 100 + 30);
    expect(JSON.stringify(all)).not.toContain('ffffffff');
    const down = await everything((cursor) =>
      models.events.list('tenant-one', { limit: 40, cursor, descending: true }),
    );
    expect(down.map((e) => e.id)).toEqual(all.map((e) => e.id).reverse());
    const since = all[50]!.time;
    const later = await models.events.list('tenant-one', { since, limit: 500 });
    expect(later.items).toHaveLength(all.filter((e) => e.time >= since).length);
    const chain = await models.events.list('tenant-one', { correlation_id: 'c-k3' });
    expect(chain.items.map((e) => e.type)).toEqual(['task.queued']);
  });
});

describe('filters', () => {
  it('of tasks', async () => {
    const count = async (filter: Parameters<ReadModels['tasks']['list']>[1]) =>
      (await models.tasks.list('tenant-one', { limit: 500, ...filter })).items.length;
    expect(await count({ agent_id: 'a0' })).toBe(9);
    expect(await count({ phase: 'ended', end: 'succeeded', kind: 'adhoc' })).toBe(25);
    expect(await count({ phase: 'queued' })).toBe(0);
    expect(await count({ state_id: 's1' })).toBe(0);
    expect(await count({ labels: [{ key: 'team', op: 'in', values: ['core', 'x'] }] })).toBe(25);
    expect(await count({ labels: [{ key: 'team', op: 'not-in', values: ['core'] }] })).toBe(0);
    expect(await count({ labels: [{ key: 'none', op: 'not-in', values: ['core'] }] })).toBe(25);
    expect(await count({ labels: [{ key: 'none', op: 'exists', values: [] }] })).toBe(0);
    expect(await count({ labels: [{ key: 'none', op: 'not-exists', values: [] }] })).toBe(25);
  });
});

describe('output', () => {
  it('comes as it arrived, or one stream in its order, and can be followed', async () => {
    const text = (items: readonly { data: Buffer }[]) => items.map((c) => c.data.toString());
    const both = await models.output.read('tenant-one', 'k1');
    expect(text(both.items)).toEqual(['out of tenant-one', 'err of tenant-one', 'more of tenant-one']);
    const first = await models.output.read('tenant-one', 'k1', { stream: 'stdout', limit: 1 });
    expect(text(first.items)).toEqual(['out of tenant-one']);
    const second = await models.output.read('tenant-one', 'k1', {
      stream: 'stdout',
      cursor: first.next_cursor,
    });
    expect(text(second.items)).toEqual(['more of tenant-one']);
    expect(second.next_cursor).toBeNull();
    const nothing = await models.output.read('tenant-one', 'k1', {
      stream: 'stdout',
      cursor: second.resume_cursor,
    });
    expect(nothing.items).toEqual([]);
    expect(nothing.resume_cursor).toBe(second.resume_cursor);
    expect((await models.output.read('tenant-one', 'k1', { attempt: 9 })).items).toEqual([]);
  });

  it('says how much of what a run printed has not come', async () => {
    expect(await models.output.read('tenant-one', 'k2')).toMatchObject({
      items: [],
      missing: { stdout_bytes: 6, stderr_bytes: 0 },
    });
    await store.commit(
      { projection: outputProjection, context: 'logs', partition: 0 },
      9,
      { ...atStart, position: { ...startOfLog, next: 10 } },
      (sql) =>
        projectOutput(
          [
            {
              ...chunk,
              tenant_id: 'tenant-one',
              task_id: 'k2',
              stream: 'stdout',
              seq: 0,
              arrival: 9,
              data: Buffer.from('abc'),
              gap_bytes: 1,
            },
          ],
          sql,
        ),
    );
    const page = await models.output.read('tenant-one', 'k2');
    expect(page.missing).toEqual({ stdout_bytes: 2, stderr_bytes: 0 });
    expect((await models.output.read('tenant-one', 'k1')).missing).toBeNull();
    expect((await models.output.read('tenant-one', 'k1', { limit: 1 })).missing).toBeNull();
  });
});

describe('tenants', () => {
  // Whatever is added to the queries has to be added here.
  it('see nothing of each other, though their ids are the same', async () => {
    for (const [mine, foreign] of [
      ['tenant-one', 'tenant-two'],
      ['tenant-two', 'tenant-one'],
    ] as const) {
      const seen = [
        await models.states.get(mine, 's1'),
        await models.states.list(mine),
        await models.states.targets(mine, 's1'),
        await models.tasks.get(mine, 'k1'),
        await models.tasks.list(mine, { limit: 500 }),
        await models.tasks.attempts(mine, 'k1'),
        await models.agents.get(mine, 'a1'),
        await models.agents.list(mine),
        await models.commands.get(mine, 'c-k1'),
        await models.events.ofEntity(mine, { kind: 'task', id: 'k1' }),
        await models.events.list(mine, { limit: 500 }),
        await models.tenants.get(mine),
        (await models.output.read(mine, 'k1')).items.map((c) => c.data.toString()),
      ];
      for (const answer of seen) {
        expect(JSON.stringify(answer).length).toBeGreaterThan(10);
        expect(JSON.stringify(answer).includes(foreign)).toBe(false);
      }
      expect((await models.tasks.list(mine, { limit: 500 })).items).toHaveLength(25);
      expect((await models.states.list(mine)).items).toHaveLength(5);
    }
  });

  it('that do not exist have nothing', async () => {
    expect(await models.tenants.get('t3')).toBeNull();
    expect(await models.tasks.get('t3', 'k1')).toBeNull();
    expect(await models.commands.get('t3', 'c-k1')).toBeNull();
    expect((await models.states.list('t3')).items).toEqual([]);
    expect((await models.output.read('t3', 'k1')).items).toEqual([]);
  });
});

describe('coverage', () => {
  it('is reached when the position passes the token, and not before', async () => {
    const covered = await models.covered('states', 0);
    expect(covered).toBe(30);
    expect(await models.covered('states', 7)).toBe(0);
    expect(await models.waitCovered({ context: 'states', partition: 0, offset: 29 }, 0)).toBe(true);
    expect(await models.waitCovered({ context: 'states', partition: 0, offset: 30 }, 30)).toBe(false);
  });

  it('wakes everyone who waits', async () => {
    const key = { projection: viewsProjection, context: 'tasks', partition: 5 };
    await store.begin(key, atStart);
    const token = { context: 'tasks' as const, partition: 5, offset: 3 };
    const waiting = Promise.all([1, 2, 3].map(() => models.waitCovered(token, 5_000)));
    const end = { position: { ...startOfLog, next: 1 }, coversCommands: 4 };
    await store.commit(key, 0, end, async () => {});
    expect(await waiting).toEqual([true, true, true]);
  });
});

describe('Postgres away', () => {
  it('is said as such, within the deadline, by every kind of question', async () => {
    const away = openReadModels({ url: 'postgres://x:y@127.0.0.1:1/none' });
    const answers = await Promise.allSettled([
      away.tasks.list('tenant-one'),
      away.states.get('tenant-one', 's1'),
      away.covered('tasks', 0),
      away.waitCovered({ context: 'tasks', partition: 0, offset: 0 }, 1_000),
    ]);
    for (const answer of answers) {
      expect(answer.status === 'rejected' && answer.reason instanceof ReadModelsUnavailable).toBe(true);
    }
    expect(await away.available()).toBe(false);
    expect(await models.available()).toBe(true);
    await away.close();
  });

  it('is over as soon as Postgres is back', async () => {
    const late = await createTestDatabase();
    const reading = openReadModels({ url: late.url });
    await expect(reading.tasks.list('tenant-one')).rejects.toBeInstanceOf(ReadModelsUnavailable);
    await migrate({ url: late.url });
    expect((await reading.tasks.list('tenant-one')).items).toEqual([]);
    await reading.close();
    await late.drop();
  });
});
