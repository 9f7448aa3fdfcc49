import { randomUUID } from 'node:crypto';
import { type LogPort, type LogRecord, type StoredRecord } from '@fluxforge/events/log';
import { topicsOf, topicSpecs, type Topics } from '@fluxforge/events/topics';
import {
  foldedTables,
  migrate,
  openReadModels,
  ProjectionStore,
  type ReadModels,
} from '@fluxforge/read-models';
import { createLogger, Metrics, Readiness } from '@fluxforge/telemetry';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { Scribe, writeAgent, writeHealedState, writeTask } from '@fluxforge/testing/history';
import { createTestDatabase, tableDigests, type TestDatabase } from '@fluxforge/testing/postgres';
import { Client } from 'pg';
import { Projector } from './projector.js';
import { rebuildViews } from './rebuild/rebuild-views.js';

/** A log that several clients share. */
export interface ProjectorWorld {
  connect(): LogPort;
  close(): Promise<void>;
}

const partitions = 2;
const partition = 1;
const deadlineMs = 15_000;

async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > untilMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Running {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly logged: string[];
  stop(): Promise<void>;
}

/** What a projector does, whatever the log is made of. */
export function describeProjector(name: string, makeWorld: () => Promise<ProjectorWorld>): void {
  describe(name, () => {
    let world: ProjectorWorld;
    let log: LogPort;
    let topics: Topics;
    let prefix: string;
    let database: TestDatabase;
    let models: ReadModels;
    const running = new Set<Running>();
    const databases: TestDatabase[] = [];

    async function freshDatabase(): Promise<TestDatabase> {
      const made = await createTestDatabase();
      databases.push(made);
      await migrate({ url: made.url });
      return made;
    }

    async function startProjector(url = database.url, group = `${prefix}-projector`): Promise<Running> {
      const client = world.connect();
      const store = new ProjectionStore({
        url,
        poolSize: 3,
        connectTimeoutMs: 1_000,
        statementTimeoutMs: 2_000,
      });
      const readiness = new Readiness(['kafka', 'postgres']);
      const metrics = new Metrics('projector');
      const logged: string[] = [];
      const destination = { write: (line: string) => void logged.push(line) };
      const logger = createLogger({ process: 'projector', level: 'info', destination });
      const projector = new Projector({ log: client, store, topics, group, logger, metrics, readiness });
      await projector.start();
      const started: Running = {
        readiness,
        metrics,
        logged,
        stop: async () => {
          if (!running.delete(started)) return;
          await projector.close();
          await store.close();
          await client.close();
        },
      };
      running.add(started);
      return started;
    }

    async function append(topic: string, records: readonly LogRecord[]): Promise<void> {
      for (let i = 0; i < records.length; i += 200) {
        await log.append({ topic, partition }, records.slice(i, i + 200), { timeoutMs: 5_000 });
      }
    }

    const covered = (context: 'tasks' | 'states', count: number, of = models) =>
      of.waitCovered({ context, partition, offset: count - 1 }, deadlineMs);

    async function deadLetters(): Promise<Record<string, unknown>[]> {
      const tp = { topic: topics.deadLetters, partition };
      const { records } = await log.read(tp, 0, { maxBytes: 1e6, timeoutMs: 2_000 });
      return records.map((r: StoredRecord) => JSON.parse(r.value!.toString()) as Record<string, unknown>);
    }

    beforeAll(async () => {
      world = await makeWorld();
      log = world.connect();
    });
    afterAll(async () => {
      await log?.close();
      await world?.close();
    });
    beforeEach(async () => {
      prefix = `projector-${randomUUID().slice(0, 8)}`;
      topics = topicsOf(prefix);
      await log.ensureTopics(topicSpecs(prefix, { partitions, replication: 1, minInsyncReplicas: 1 }));
      database = await freshDatabase();
      models = openReadModels({ url: database.url });
    });
    afterEach(async () => {
      await Promise.all([...running].map((r) => r.stop()));
      await models?.close();
      for (const made of databases.splice(0)) await made.drop();
    });

    it('projects what is there and what comes, of both contexts', async () => {
      const tasks = new Scribe('tasks');
      writeAgent(tasks, 'a1');
      writeTask(tasks, 'k1');
      await append(topics.events.tasks, tasks.records);
      const { readiness } = await startProjector();
      expect(await covered('tasks', 6)).toBe(true);
      expect((await models.tasks.get('t1', 'k1'))?.status.end).toBe('succeeded');
      const states = new Scribe('states');
      writeHealedState(states, 's1', ['a1']);
      await append(topics.events.states, states.records);
      expect(await covered('states', 6)).toBe(true);
      expect((await models.states.get('t1', 's1'))?.status.targets).toMatchObject({ total: 1, compliant: 1 });
      expect((await models.commands.get('t1', 'c-k1'))?.state).toBe('accepted');
      expect(readiness.report().status).toBe('ok');
    });

    it('projects telemetry: output and load', async () => {
      const chunk = {
        tenant_id: 't1',
        task_id: 'k1',
        life: 1,
        attempt: 1,
        agent_id: 'a1',
        stream: 'stdout',
        gap_bytes: 0,
      };
      const body = (value: object): LogRecord => ({
        key: 't1',
        value: Buffer.from(JSON.stringify(value)),
        headers: {},
      });
      await append(topics.logs, [
        body({ ...chunk, seq: 0, data_base64: Buffer.from('hello ').toString('base64') }),
        body({ not: 'a chunk' }),
        body({ ...chunk, seq: 0, data_base64: Buffer.from('hello ').toString('base64') }),
        body({ ...chunk, seq: 1, data_base64: Buffer.from('world').toString('base64') }),
      ]);
      const tasks = new Scribe('tasks');
      writeAgent(tasks, 'a1');
      await append(topics.events.tasks, tasks.records);
      const load = { cpu_percent: 3, ram_used_bytes: 1, ram_total_bytes: 2, slots: 4, free_slots: 3 };
      await append(topics.agentReports, [
        body({ kind: 'heartbeat', tenant_id: 't1', agent_id: 'a1', ...load }),
      ]);
      await startProjector();
      await eventually(
        'the load is there',
        async () => (await models.agents.get('t1', 'a1'))?.status.load !== null,
      );
      await eventually('the output is there', async () => {
        const { items } = await models.output.read('t1', 'k1');
        return items.map((c) => c.data.toString()).join('') === 'hello world';
      });
      expect(await deadLetters()).toMatchObject([{ topic: topics.logs, partition, offset: 1 }]);
    });

    it('takes nothing of a former owner, and nothing twice', async () => {
      const former = new Scribe('tasks');
      writeTask(former, 'k1');
      const before = former.records.length;
      writeTask(former, 'late');
      const late = former.records.slice(before);
      const rightful = former.records.slice(0, before);
      const next = new Scribe('tasks');
      next.claim('first');
      next.claim('second');
      writeTask(next, 'k2');
      const taken = next.records.slice(1);
      await append(topics.events.tasks, [...rightful, ...rightful.slice(1), ...taken, ...late]);
      await startProjector();
      await eventually(
        'k2 is there',
        async () => (await models.tasks.get('t1', 'k2'))?.status.end === 'succeeded',
      );
      expect((await models.tasks.list('t1')).items.map((t) => t.id).sort()).toEqual(['k1', 'k2']);
      expect((await models.tasks.get('t1', 'k1'))?.resource_version).toBe(4);
    });

    it('parks a poison record to dead letters and goes on', async () => {
      const tasks = new Scribe('tasks');
      writeTask(tasks, 'k1');
      tasks.event('task.unheard-of' as 'journal.progress', {});
      writeTask(tasks, 'k2');
      await append(topics.events.tasks, tasks.records);
      const { readiness, metrics } = await startProjector();
      expect(await covered('tasks', 9)).toBe(true);
      expect((await models.tasks.get('t1', 'k2'))?.status.end).toBe('succeeded');
      expect(await deadLetters()).toMatchObject([
        {
          topic: topics.events.tasks,
          partition,
          offset: 5,
          reason: expect.stringContaining('task.unheard-of') as string,
        },
      ]);
      expect(readiness.report()).toMatchObject({ status: 'degraded' });
      expect(await metrics.scrape()).toContain('fluxforge_poison_records_total');
    });

    it('parks an event that Postgres refuses, and only that one', async () => {
      const tasks = new Scribe('tasks');
      for (let i = 0; i < 5; i++) writeTask(tasks, `k${i}`);
      const run = { task_id: 'k1', life: 1, attempt: 1, agent_id: 'a1' };
      // A whole number to the schema, beyond any that Postgres holds.
      tasks.event('task.ended', {
        ...run,
        end: 'failed',
        reason: 'exit_nonzero',
        attempts_used: 1,
        exit_code: 1e300,
      });
      for (let i = 5; i < 10; i++) writeTask(tasks, `k${i}`);
      await append(topics.events.tasks, tasks.records);
      await startProjector();
      expect(await covered('tasks', 41)).toBe(true);
      expect((await models.tasks.list('t1')).items).toHaveLength(10);
      const letters = await deadLetters();
      expect(letters).toMatchObject([{ topic: topics.events.tasks, offset: 21 }]);
      expect(letters[0]?.['reason']).toContain('cannot be projected');
      expect((await models.tasks.get('t1', 'k1'))?.status.end).toBe('succeeded');
    });

    it('parks the partition where the journal breaks, and goes on after a repair', async () => {
      const tasks = new Scribe('tasks');
      writeTask(tasks, 'k1');
      const good = tasks.position;
      const ahead = new Scribe('tasks');
      writeTask(ahead, 'k1');
      writeTask(ahead, 'k2');
      // The first record after the good ones is lost: a jump in seq.
      await append(topics.events.tasks, [...tasks.records, ...ahead.records.slice(tasks.records.length + 1)]);
      const { readiness, logged, metrics } = await startProjector();
      await eventually('it is parked', () => readiness.report().status === 'degraded');
      expect(readiness.report().checks[`views tasks/${partition}`]?.detail).toContain('seq jumps');
      expect(logged.join('')).toContain('partition parked');
      expect(await metrics.scrape()).toMatch(/fluxforge_projection_parked\{[^}]*context="tasks"[^}]*\} 1/);
      expect(await models.tasks.get('t1', 'k2')).toBeNull();
      await append(topics.events.tasks, repaired(tasks, good));
      await eventually('it goes on', async () => (await models.tasks.get('t1', 'k3')) !== null);
      expect(readiness.report().status).toBe('ok');
    });

    it('stops loudly where history is missing, and does not jump', async () => {
      const tasks = new Scribe('tasks');
      writeTask(tasks, 'k1');
      await append(topics.events.tasks, tasks.records);
      const store = new ProjectionStore({ url: database.url, poolSize: 1 });
      const position = { ...tasks.position, next: 50 };
      await store.begin(
        { projection: 'views', context: 'tasks', partition },
        { position, coversCommands: 9 },
      );
      await store.close();
      const { readiness } = await startProjector();
      await eventually('it is parked', () => readiness.report().status === 'degraded');
      writeTask(tasks, 'k2');
      await append(topics.events.tasks, tasks.records.slice(5));
      expect(readiness.report().checks[`views tasks/${partition}`]?.health).toBe('degraded');
      expect(await models.tasks.get('t1', 'k2')).toBeNull();
    });

    it('waits for Postgres, holds no more than it must, and loses nothing', async () => {
      const { hostname, port } = new URL(database.url);
      const proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
      try {
        const through = new URL(database.url);
        through.host = `${proxy.address.host}:${proxy.address.port}`;
        const tasks = new Scribe('tasks');
        writeTask(tasks, 'first');
        await append(topics.events.tasks, tasks.records);
        const { readiness } = await startProjector(through.toString());
        expect(await covered('tasks', 4)).toBe(true);
        // Commits are carried out, but nobody hears of it: the outcome is unknown.
        proxy.eatReplies();
        const before = tasks.records.length;
        for (let i = 0; i < 300; i++) writeTask(tasks, `k${i}`);
        await append(topics.events.tasks, tasks.records.slice(before));
        await eventually('it says so', () => readiness.report().checks['postgres']?.health === 'down');
        await proxy.heal();
        expect(await covered('tasks', 1204)).toBe(true);
        expect(readiness.report().checks['postgres']?.health).toBe('ok');
        const all = await models.tasks.list('t1', { limit: 500 });
        expect(all.items.map((t) => t.resource_version).every((v) => v === 4)).toBe(true);
        expect(all.items).toHaveLength(301);
      } finally {
        await proxy.close();
      }
    }, 30_000);

    it('hands over to another process and back, and the tables are those of a rebuild from zero', async () => {
      const tasks = new Scribe('tasks');
      const states = new Scribe('states');
      let doneTasks = 0;
      let doneStates = 0;
      const more = async (round: number) => {
        writeAgent(tasks, `a${round}`);
        for (let i = 0; i < 40; i++) writeTask(tasks, `k${round}-${i}`);
        for (let i = 0; i < 10; i++) writeHealedState(states, `s${round}-${i}`, ['a1', 'a2']);
        await append(topics.events.tasks, tasks.records.slice(doneTasks));
        await append(topics.events.states, states.records.slice(doneStates));
        doneTasks = tasks.records.length;
        doneStates = states.records.length;
      };
      const first = await startProjector();
      await more(1);
      const second = await startProjector();
      await more(2);
      await first.stop();
      await more(3);
      await startProjector();
      await more(4);
      await second.stop();
      await more(5);
      expect(await covered('tasks', 5 * 162)).toBe(true);
      expect(await covered('states', 5 * 60)).toBe(true);

      const beside = await freshDatabase();
      await startProjector(beside.url, `${prefix}-rebuild`);
      const rebuilt = openReadModels({ url: beside.url });
      expect(await covered('tasks', 5 * 162, rebuilt)).toBe(true);
      expect(await covered('states', 5 * 60, rebuilt)).toBe(true);
      await rebuilt.close();
      const digests = await tableDigests(database.url, foldedTables);
      expect(digests['tasks']).toMatch(/^200:/);
      expect(await tableDigests(beside.url, foldedTables)).toEqual(digests);
    }, 60_000);

    it('makes the views anew beside the live ones, and swaps under a running projector', async () => {
      const tasks = new Scribe('tasks');
      const states = new Scribe('states');
      writeAgent(tasks, 'a1');
      for (let i = 0; i < 60; i++) writeTask(tasks, `k${i}`);
      for (let i = 0; i < 10; i++) writeHealedState(states, `s${i}`, ['a1']);
      await append(topics.events.tasks, tasks.records);
      await append(topics.events.states, states.records);
      const { readiness } = await startProjector();
      expect(await covered('tasks', 242)).toBe(true);
      expect(await covered('states', 60)).toBe(true);
      const digests = await tableDigests(database.url, foldedTables);
      await damage(database.url);
      expect(await tableDigests(database.url, foldedTables)).not.toEqual(digests);

      const logger = createLogger({ process: 'rebuild', level: 'silent' });
      const result = await rebuildViews({ log, topics, url: database.url, logger });
      expect(result).toEqual({ records: 243 + 61, poisoned: 0 });
      expect(await tableDigests(database.url, foldedTables)).toEqual(digests);

      const before = tasks.records.length;
      writeTask(tasks, 'later');
      await append(topics.events.tasks, tasks.records.slice(before));
      expect(await covered('tasks', 246)).toBe(true);
      expect((await models.tasks.get('t1', 'later'))?.status.end).toBe('succeeded');
      expect(readiness.report().status).toBe('ok');
    }, 60_000);

    /** What `journal repair` appends: a claim that names the last good position; then the new owner's events. */
    function repaired(good: Scribe, at: Scribe['position']): LogRecord[] {
      const before = good.records.length;
      good.claim('repairer', at);
      writeTask(good, 'k3');
      return good.records.slice(before);
    }
  });
}

async function damage(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`UPDATE tasks SET phase = 'queued' WHERE id LIKE 'k1%'`);
  await client.query('DELETE FROM targets');
  await client.end();
}
