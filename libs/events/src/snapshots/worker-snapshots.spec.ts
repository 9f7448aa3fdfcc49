import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { eventually } from '../log.features.js';
import { SnapshotLoader } from './loader.js';
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

  function start(entry: URL): WorkerSnapshots {
    lines.length = 0;
    const logger = createLogger({
      process: 'test',
      level: 'info',
      destination: { write: (line) => void lines.push(line) },
    });
    const tools = { logger, metrics };
    const log = new InMemoryLog(new InMemoryCluster());
    const told = loaderTelemetry('tasks', tools);
    const loader = new SnapshotLoader(log, [], { context: 'tasks', shape: 's', eventsTopic: 't', ...told });
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

  it('says what a takeover begins with when there is nothing', async () => {
    expect(await start(thread(echo)).load(0)).toBeNull();
    expect(await metrics.scrape()).toMatch(/outcome="absent".* 1/);
  });
});
