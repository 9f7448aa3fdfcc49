import { makeStatesContext } from '@fluxforge/domain/states-context';
import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { type EventBody } from '@fluxforge/events/catalogue';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { TooManyQuestions } from '@fluxforge/events/owner-questions';
import { Scribe, someTask, writeAgent, writeHealedState, writeTask } from '@fluxforge/testing/history';
import { InMemorySnapshots } from '@fluxforge/testing/snapshot-stores';
import { PartitionFold } from './partition-fold.js';
import { SnapshotLoader } from './loader.js';
import { PastStates, type PastBounds } from './past-states.js';
import { encodeSnapshot } from './stored-snapshot.js';

const own = { topic: 'own', partition: 0 };
const foreign = { topic: 'foreign', partition: 0 };
const stepMs = 10;
const shape = 'x';
const policy = defaultTasksPolicy;
type AnyContext = HostContext<unknown, unknown, unknown, EventBody, EventBody>;

/** One record each `stepMs`, the first at `stepMs`. */
async function logOf(scribe: Scribe): Promise<InMemoryLog> {
  let nowMs = 0;
  const cluster = new InMemoryCluster({ nowMs: () => nowMs });
  const log = new InMemoryLog(cluster);
  const spec = { partitions: 1, replication: 1, config: {} };
  await log.ensureTopics([
    { ...spec, topic: own.topic },
    { ...spec, topic: foreign.topic },
  ]);
  for (const record of scribe.records) {
    nowMs += stepMs;
    await log.append(own, [record]);
  }
  return log;
}

function tasksHistory(): Scribe {
  const scribe = new Scribe('tasks');
  const limits = { max_queued_tasks: 10, max_agents: 10, max_states: 10 };
  scribe.event('tenant.created', { tenant_id: 't1', name: 't', limits });
  scribe.event('task.queued', { task_id: 'early', life: 1, kind: 'adhoc', spec: someTask });
  writeAgent(scribe, 'a1');
  for (let i = 0; i < 3; i += 1) writeTask(scribe, `k${i}`);
  scribe.claim('another');
  for (let i = 3; i < 6; i += 1) writeTask(scribe, `k${i}`);
  return scribe;
}

interface More {
  readonly snapshots?: readonly Snapshot[];
  readonly bounds?: PastBounds;
  readonly ignored?: string[];
}

/** With these snapshots in a store, found as a takeover finds them. */
async function past(log: InMemoryLog, context: AnyContext, more: More = {}) {
  const store = new InMemorySnapshots();
  const of = { context: context.name, partition: 0 };
  for (const snapshot of more.snapshots ?? []) {
    const { manifest, payload } = encodeSnapshot(snapshot, shape);
    await store.write(of, manifest, payload);
  }
  const loader = new SnapshotLoader(log, [store], {
    context: context.name,
    shape,
    eventsTopic: own.topic,
    onIgnored: (_of, { next, because }) => more.ignored?.push(`${next}: ${because}`),
    onStoreFailed: (_of, _store, error) => {
      throw error;
    },
  });
  const states = new PastStates({
    log,
    topics: () => ({ own, foreign }),
    context: () => context,
    snapshot: async (partition, within) => (await loader.load(partition, within))?.snapshot ?? null,
    nowMs: () => 0,
    ...(more.bounds && { bounds: more.bounds }),
  });
  const textAt = (atMs: number, tenantId = 't1') =>
    states.answer({ tenantId, partition: 0, atMs }, (state) => context.serialize(state));
  return { store, textAt };
}

const tasks = makeTasksContext(policy) as unknown as AnyContext;
const states = makeStatesContext() as unknown as AnyContext;

function statesHistory(): Scribe {
  const scribe = new Scribe('states');
  for (let i = 0; i < 4; i += 1) writeHealedState(scribe, `s${i}`, ['a0', 'a1']);
  return scribe;
}

describe.each([
  ['tasks', tasks, tasksHistory()],
  ['states', states, statesHistory()],
])('what was folded of the %s context at a time', (_name, context, scribe) => {
  const records = scribe.stored();
  const foldOf = (count: number): PartitionFold<unknown, EventBody, EventBody> => {
    const fold = new PartitionFold(context, 0, null);
    fold.feedOwn({ records: records.slice(0, count), next: count, end: count });
    return fold;
  };

  const textOf = (count: number): string => context.serialize(foldOf(count).folded);
  const snapshotAt = (count: number): Snapshot => foldOf(count).snapshot()!;

  it('is that of all records appended by then, and of none that came after, from snapshots or without', async () => {
    const log = await logOf(scribe);
    const [third, half] = [
      snapshotAt(Math.floor(records.length / 3)),
      snapshotAt(Math.floor(records.length / 2)),
    ];
    for (const more of [{}, { snapshots: [third, half] }]) {
      const { textAt } = await past(log, context, more);
      for (let count = 0; count <= records.length; count += 1) {
        // Just before the next record; and at the very millisecond of the last one.
        for (const atMs of [count * stepMs + stepMs - 1, count * stepMs])
          expect(await textAt(atMs)).toBe(textOf(count));
      }
    }
  });

  it('is had wherever a snapshot lies near enough before, however long the log', async () => {
    const log = await logOf(scribe);
    const bounds = { records: 4, spanMs: 1_000 };
    const places = [7, 10, 13, 20].map((count) => snapshotAt(count));
    const { textAt } = await past(log, context, { snapshots: places, bounds });
    const near = (count: number) =>
      count <= bounds.records ||
      places.some(({ position: { next } }) => next <= count && count - next <= bounds.records);
    for (let count = 0; count <= records.length; count += 1) {
      const expected = near(count) ? textOf(count) : { too_long: bounds.records };
      expect(await textAt(count * stepMs)).toEqual(expected);
    }
  });
});

describe('the past', () => {
  const folded = (count: number): PartitionFold<unknown, EventBody, EventBody> => {
    const fold = new PartitionFold(tasks, 0, null);
    fold.feedOwn({ records: tasksHistory().stored().slice(0, count), next: count, end: count });
    return fold;
  };
  const snapshots = [8, 12].map((count) => folded(count).snapshot()!);
  const atMs = 15 * stepMs;
  const right = tasks.serialize(folded(15).folded);

  it('steps over a snapshot that cannot be read, is of another shape or of another log', async () => {
    const log = await logOf(tasksHistory());
    const [, near] = snapshots as [Snapshot, Snapshot];
    const ignored: string[] = [];
    const damaged = await past(log, tasks, { snapshots, ignored });
    const read = damaged.store.read.bind(damaged.store);
    damaged.store.read = async (of, one) =>
      one.next === near.position.next ? Buffer.from('x') : read(of, one);
    expect(await damaged.textAt(atMs)).toBe(right);
    const foreignLog = { ...near, position: { ...near.position, hash: 'f'.repeat(64) } };
    const moved = await past(log, tasks, { snapshots: [snapshots[0]!, foreignLog], ignored });
    expect(await moved.textAt(atMs)).toBe(right);
    expect(ignored).toEqual([`${near.position.next}: unreadable`, `${near.position.next}: other-log`]);
    const { store, textAt } = await past(log, tasks, { snapshots: [snapshots[0]!], ignored });
    const other = encodeSnapshot(near, 'another');
    await store.write({ context: 'tasks', partition: 0 }, other.manifest, other.payload);
    expect(await textAt(atMs)).toBe(right);
    expect(ignored.at(-1)).toBe(`${near.position.next}: other-shape`);
  });

  it('is not had from a snapshot that is too far away: that one is not even read', async () => {
    const log = await logOf(tasksHistory());
    const { store, textAt } = await past(log, tasks, { snapshots, bounds: { records: 2, spanMs: 1_000 } });
    const asked = jest.spyOn(store, 'read');
    expect(await textAt(atMs)).toEqual({ too_long: 2 });
    expect(asked).not.toHaveBeenCalled();
  });

  it('is folded for one question at a time, and tenants take turns', async () => {
    const log = await logOf(tasksHistory());
    const { textAt } = await past(log, tasks);
    const order: string[] = [];
    const ask = async (tenantId: string) => {
      expect(await textAt(atMs, tenantId)).toBe(right);
      order.push(tenantId);
    };
    await Promise.all(['loud', 'loud', 'loud', 'quiet'].map(ask));
    expect(order).toEqual(['loud', 'quiet', 'loud', 'loud']);
    const many = await Promise.allSettled(Array.from({ length: 9 }, () => textAt(atMs, 'loud')));
    const refused = many.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ reason }) => reason instanceof TooManyQuestions)).toBe(true);
    await expect(textAt(atMs)).resolves.toBe(right);
  });
});
