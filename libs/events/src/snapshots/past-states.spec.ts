import { makeStatesContext } from '@fluxforge/domain/states-context';
import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { type EventBody } from '@fluxforge/events/catalogue';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { Scribe, someTask, writeAgent, writeHealedState, writeTask } from '@fluxforge/testing/history';
import { PartitionFold } from './partition-fold.js';
import { HistoryTooLong, PastIsBusy, PastStates, type PastBounds } from './past-states.js';

const own = { topic: 'own', partition: 0 };
const foreign = { topic: 'foreign', partition: 0 };
const stepMs = 10;
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

function past(
  log: InMemoryLog,
  context: AnyContext,
  more: { snapshot?: Snapshot; bounds?: PastBounds } = {},
) {
  return new PastStates({
    log,
    topics: () => ({ own, foreign }),
    context: () => context,
    snapshot: async () => more.snapshot ?? null,
    nowMs: () => 0,
    ...(more.bounds && { bounds: more.bounds }),
  });
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

  it('is that of all records appended by then, and of none that came after, from a snapshot or without', async () => {
    const log = await logOf(scribe);
    const half = Math.floor(records.length / 2);
    const snapshot = foldOf(half).snapshot()!;
    for (const more of [{}, { snapshot }]) {
      for (let count = 0; count <= records.length; count += 1) {
        // Just before the next record; and at the very millisecond of the last one.
        for (const atMs of [count * stepMs + stepMs - 1, count * stepMs]) {
          const state = await past(log, context, more).at(0, atMs);
          expect(context.serialize(state)).toBe(context.serialize(foldOf(count).folded));
        }
      }
    }
  });
});

describe('the past', () => {
  it('is not read further than is bearable, and one at a time', async () => {
    const log = await logOf(tasksHistory());
    const end = tasksHistory().records.length;
    const bounds = { records: 5, spanMs: 1_000 };
    await expect(past(log, tasks, { bounds }).at(0, end * stepMs)).rejects.toThrow(HistoryTooLong);
    await expect(past(log, tasks, { bounds }).at(0, 5 * stepMs)).resolves.toBeDefined();
    const one = past(log, tasks);
    const first = one.at(0, end * stepMs);
    await expect(one.at(0, end * stepMs)).rejects.toThrow(PastIsBusy);
    await first;
    await expect(one.at(0, stepMs)).resolves.toBeDefined();
  });
});
