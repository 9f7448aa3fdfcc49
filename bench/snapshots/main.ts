import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { DiskSnapshots, SnapshotLoader, WorkerSnapshots } from '@fluxforge/events/snapshots';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { LogTimes } from '../support/log-times.js';
import { quantiles } from '../support/clock.js';
import { option } from '../support/options.js';
import { until } from '../support/poll.js';
import { Report } from '../support/report.js';
import { History } from '../takeover/history.js';
import { shape, topicPrefix } from '../takeover/takeovers.js';
import { Owner } from './owner.js';

/**
 * What the making of snapshots costs an owner's commits: submissions at a fixed pace to a partition with many live
 * tasks, in turns without and with the thread of snapshots, which makes one after the other without a rest (a
 * dispatcher's rests for nine times what the last one took). Told are the commits (from sent to acknowledged) and all
 * the way from when a command was due to be sent until its event is in the log.
 *   npm run bench -- snapshots [--live N] [--seconds N] [--rounds N] [--json FILE]
 */
const liveTasks = option('--live', 100_000);
const seconds = option('--seconds', 15);
const rounds = option('--rounds', 3);
const perSecond = 100;
const mostMs = 20;
const leastMade = 2;
const report = new Report('snapshots');
const ms = (value: number): string => `${value.toFixed(1)} ms`;

interface Kafka {
  readonly brokers: string;
  stop(): Promise<void>;
}

/** The keeper's thread, from now until it is closed. */
function keeping(
  log: ReturnType<typeof createKafkaLog>,
  dataDir: string,
): { snapshots: WorkerSnapshots; made: () => number } {
  let made = 0;
  const destination = { write: (line: string) => void (made += line.includes('"snapshot made"') ? 1 : 0) };
  const loader = new SnapshotLoader(log, [new DiskSnapshots(dataDir)], {
    context: 'tasks',
    shape,
    eventsTopic: topicsOf(topicPrefix).events.tasks,
    onIgnored: () => undefined,
    onStoreFailed: () => undefined,
  });
  const snapshots = new WorkerSnapshots({
    context: 'tasks',
    entry: new URL('./keeper.js', import.meta.url),
    loader,
    closeStores: async () => undefined,
    logger: createLogger({ process: 'bench', level: 'info', destination }),
    metrics: new Metrics('bench'),
    firstRestMs: 1,
  });
  snapshots.leading(0);
  return { snapshots, made: () => made };
}

interface Turns {
  readonly commits: number[];
  readonly sentUs: Map<string, number>;
}

async function measure(kafka: Kafka, dataDir: string): Promise<string[]> {
  const log = createKafkaLog({ brokers: [kafka.brokers], clientId: 'bench-owner' });
  await log.ensureTopics(topicSpecs(topicPrefix, { partitions: 1, replication: 1, minInsyncReplicas: 1 }));
  const topic = topicsOf(topicPrefix).events.tasks;
  const history = new History(log, { topic, partition: 0 }, Date.now());
  await history.begin();
  await history.fleet(1);
  await history.live(liveTasks, 0, 1, Date.now());
  await history.finish();
  let turns: Turns = { commits: [], sentUs: new Map() };
  const owner = new Owner(log, (latencyMs) => turns.commits.push(latencyMs));
  await owner.start();
  const take = async (into: Turns): Promise<void> => {
    turns = into;
    for (const [task, us] of await owner.submissions(perSecond, seconds)) into.sentUs.set(task, us);
  };
  await take({ commits: [], sentUs: new Map() });
  const [without, during]: Turns[] = [0, 1].map(() => ({ commits: [], sentUs: new Map() }));
  let made = 0;
  for (let round = 0; round < rounds; round++) {
    await take(without!);
    const keeper = keeping(log, dataDir);
    await until('the first snapshot is made', () => (keeper.made() > 0 ? true : null), 120_000);
    const before = keeper.made();
    await take(during!);
    made += keeper.made() - before;
    await keeper.snapshots.close();
  }
  await owner.close();
  const times = new LogTimes(log, topic);
  await times.advance();
  await log.close();
  const broken = made < leastMade * rounds ? [`only ${made} snapshots were made`] : [];
  const tell = (name: string, of: (turns: Turns) => number[]): void => {
    const [off, on] = [most(of(without!)), most(of(during!))];
    report.put(name, { without: off, during: on });
    report.line(
      `${name}: without p50 ${ms(off.p50)}  p99 ${ms(off.p99)}  p99.9 ${ms(off.p999)}  max ${ms(off.max)};` +
        ` during p50 ${ms(on.p50)}  p99 ${ms(on.p99)}  p99.9 ${ms(on.p999)}  max ${ms(on.max)}`,
    );
    if (!(on.max - off.max <= mostMs)) broken.push(`${name}: ${ms(on.max - off.max)} more at most`);
  };
  tell('commit', ({ commits }) => commits);
  tell('due to in the log', ({ sentUs }) => {
    return [...sentUs].map(([task, us]) => (times.queuedMs.get(task) ?? Number.NaN) - us / 1000);
  });
  report.put('made', made);
  report.line(`${made} snapshots of ${liveTasks} live tasks were made in ${rounds * seconds} s`);
  return broken;
}

function most(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const p999 = sorted[Math.floor(0.999 * sorted.length)] ?? Number.NaN;
  return { ...quantiles(values), p999, samples: values.length };
}

const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-bench-'));
let failed = false;
let kafka: Kafka | null = null;
try {
  report.line(
    `load average ${loadavg()[0]?.toFixed(1)}; ${liveTasks} live tasks, ${perSecond} submissions/s`,
  );
  report.put('settings', { liveTasks, seconds, rounds, perSecond, load: loadavg() });
  const infra = (await import(join(process.cwd(), 'scripts/infra/index.mjs'))) as {
    startKafka(options: { dataDir: string; heapMb: number; quickStart: boolean }): Promise<Kafka>;
  };
  kafka = await infra.startKafka({ dataDir: join(dataDir, 'kafka'), heapMb: 512, quickStart: false });
  process.env['BENCH_BROKERS'] = kafka.brokers;
  process.env['BENCH_DATA_DIR'] = join(dataDir, 'snapshots');
  const broken = await measure(kafka, join(dataDir, 'snapshots'));
  report.finish();
  if (broken.length > 0)
    throw new Error(`commits are delayed by more than ${mostMs} ms: ${broken.join('; ')}`);
} catch (error: unknown) {
  failed = true;
  process.stderr.write(`snapshots: ${String(error)}\n`);
} finally {
  await kafka?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
