import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { recordHash, startOfLog } from '@fluxforge/events/journal';
import { Scribe, writeAgent } from '@fluxforge/testing/history';
import { InMemorySnapshots } from '@fluxforge/testing/snapshot-stores';
import { eventually } from '../log.features.js';
import { SnapshotLoader } from './loader.js';
import { encodeSnapshot, type SnapshotStore } from './stored-snapshot.js';
import { loaderTelemetry, WorkerSnapshots } from './worker-snapshots.js';

/** A thread whose source this is; `port` speaks with the process. */
const thread = (source: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort as port } from 'node:worker_threads';${source}`)}`,
  );

const echo = `port.on('message', (order) => {
  if (order.kind === 'stop') return port.close();
  port.postMessage({ kind: 'said', level: 'info', message: 'led ' + order.partitions.join(','), detail: {} });
  if (order.partitions.includes(13)) throw new Error('a bug');
});`;

describe('the thread that keeps snapshots', () => {
  const lines: string[] = [];
  const metrics = new Metrics('test');
  let snapshots: WorkerSnapshots;

  function start(
    entry: URL,
    log = new InMemoryLog(new InMemoryCluster()),
    stores: readonly SnapshotStore[] = [],
  ): WorkerSnapshots {
    lines.length = 0;
    const logger = createLogger({
      process: 'test',
      level: 'info',
      destination: { write: (line) => void lines.push(line) },
    });
    const tools = { logger, metrics };
    const told = loaderTelemetry('tasks', tools);
    const loader = new SnapshotLoader(log, stores, {
      context: 'tasks',
      shape: 's',
      eventsTopic: 't',
      ...told,
    });
    const closeStores = async (): Promise<void> => undefined;
    snapshots = new WorkerSnapshots({
      context: 'tasks',
      entry,
      loader,
      closeStores,
      ...tools,
      firstRestMs: 1,
    });
    return snapshots;
  }
  const heard = (text: string) => lines.some((line) => line.includes(`"${text}"`));
  afterEach(() => snapshots.close());

  it('is told which partitions are led, from the first on', async () => {
    start(thread(echo)).leading(3);
    await eventually('the first', () => heard('led 3'));
    snapshots.leading(5);
    await eventually('both', () => heard('led 3,5'));
    snapshots.fallen(3);
    await eventually('the other', () => heard('led 5'));
  });

  it('is started anew when it dies, and told again', async () => {
    start(thread(echo)).leading(13);
    await eventually('its end', () => heard('snapshot thread ended, starting anew'));
    snapshots.fallen(13);
    snapshots.leading(4);
    await eventually('the next one', () => heard('led 4'));
    expect(await metrics.scrape()).toMatch(/fluxforge_snapshots_total\{.*outcome="failed".*\} [1-9]/);
  });

  it('does not hold up a stop, though it hears nothing', async () => {
    const busy = `port.postMessage({ kind: 'said', level: 'info', message: 'busy', detail: {} }); for (;;);`;
    start(thread(busy)).leading(1);
    await eventually('it is busy', () => heard('busy'));
    const startedMs = performance.now();
    await snapshots.close();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('has older snapshots for the past, which count as no takeover', async () => {
    const scribe = new Scribe('tasks');
    writeAgent(scribe, 'a1');
    const log = new InMemoryLog(new InMemoryCluster());
    await log.ensureTopics([{ topic: 't', partitions: 1, replication: 1, config: {} }]);
    await log.append({ topic: 't', partition: 0 }, scribe.records);
    const store = new InMemorySnapshots();
    for (const next of [1, 2]) {
      const position = { ...scribe.position, next, hash: recordHash(scribe.stored()[next - 1]!) };
      const snapshot = { position, commands: 0, foreign: startOfLog, lastEventMs: 0, state: `${next}` };
      const { manifest, payload } = encodeSnapshot(snapshot, 's');
      await store.write({ context: 'tasks', partition: 0 }, manifest, payload);
    }
    const before = await metrics.scrape();
    start(thread(echo), log, [store]);
    expect((await snapshots.past(0, { lowest: 0, highest: 2 }))?.state).toBe('2');
    expect((await snapshots.past(0, { lowest: 0, highest: 1 }))?.state).toBe('1');
    expect(await snapshots.past(0, { lowest: 3, highest: 9 })).toBeNull();
    const counted = (text: string) => text.match(/^fluxforge_snapshots_total.*$/gm) ?? [];
    expect(counted(await metrics.scrape())).toEqual(counted(before));
    expect(heard('snapshot loaded')).toBe(false);
  });

  it('says what a takeover begins with when there is nothing', async () => {
    expect(await start(thread(echo)).load(0)).toBeNull();
    expect(await metrics.scrape()).toMatch(/outcome="absent".* 1/);
  });
});
