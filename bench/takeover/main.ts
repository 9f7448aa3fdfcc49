import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { ownerGroupPace } from '@fluxforge/events/partition-host';
import { DiskSnapshots } from '@fluxforge/events/snapshots';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { option } from '../support/options.js';
import { Report } from '../support/report.js';
import { withHangingPostgres } from './hanging-postgres.js';
import { History, slotsOfAgent } from './history.js';
import { blockingOf } from './parsing.js';
import { makeSnapshots, takeOver, topicPrefix } from './takeovers.js';

/**
 * What a takeover costs: a partition with a long history against one without, each with the same live
 * state, read from the start and begun at a snapshot. Recovery is to depend on live state, not on history.
 *   npm run bench -- takeover [--tasks N] [--live N] [--json FILE]
 * `--tasks`: ended ones, of the long history; `--live`: those that are not over, of both; a quarter of them are leased
 * and run, the others wait. The snapshots lie on a disk; a third takeover asks a Postgres for newer ones, too, which
 * takes the connection and never answers.
 */
interface Kafka {
  readonly brokers: string;
  stop(): Promise<void>;
}

const withHistory = 0;
const without = 1;
const partitions = 2;
const liveTasks = option('--live', 100_000);
const live = { agents: 50, tasks: liveTasks, leased: Math.floor(liveTasks / 4) };
const historyMs = 10 * 86_400_000;
/** Times of two short runs differ by as much, whatever is in them. */
const slackMs = 250;
const mostTimes = 2;
/** Beyond the group's verdict. */
const mostMs = 5_000;
const report = new Report('takeover');
if (live.leased > live.agents * slotsOfAgent) throw new Error('so many live tasks do not fit on the agents');

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

async function write(log: ReturnType<typeof createKafkaLog>, tasks: number): Promise<void> {
  const topic = topicsOf(topicPrefix).events.tasks;
  const nowMs = Date.now();
  const startMs = performance.now();
  let events = 0;
  for (const [partition, count] of [
    [withHistory, tasks],
    [without, 0],
  ] as const) {
    const history = new History(log, { topic, partition }, nowMs - historyMs);
    await history.begin();
    await history.fleet(live.agents);
    await history.ended(count, historyMs / tasks);
    await history.live(live.tasks, live.leased, live.agents, nowMs);
    events += await history.finish();
  }
  report.line(
    `${tasks} ended tasks over 10 days: ${events} events written in ${seconds(performance.now() - startMs)}`,
  );
}

/** Whether recovery is quick, and no slower for the history. */
function isBounded(took: readonly number[]): boolean {
  const [long, short] = [took[withHistory] ?? NaN, took[without] ?? NaN];
  return long <= mostTimes * short + slackMs && Math.max(long, short) < mostMs;
}

/** False when recovery from a snapshot depends on history, or takes too long. */
async function measure(kafka: Kafka, dataDir: string, tasks: number): Promise<boolean> {
  const log = createKafkaLog({ brokers: [kafka.brokers], clientId: 'bench-takeover' });
  try {
    await log.ensureTopics(topicSpecs(topicPrefix, { partitions, replication: 1, minInsyncReplicas: 1 }));
    await write(log, tasks);
    const fromStart = await takeOver(log, partitions, []);
    const disk = new DiskSnapshots(dataDir);
    const made = await makeSnapshots(log, partitions, disk);
    const fromSnapshot = await takeOver(log, partitions, [disk]);
    const postgresHangs = await withHangingPostgres((postgres) =>
      takeOver(log, partitions, [disk, postgres], postgres.name),
    );
    report.put('takeover_ms', {
      from_start: fromStart,
      from_snapshot: fromSnapshot,
      postgres_hangs: postgresHangs,
      made,
      tasks,
      live,
    });
    for (const [name, took] of [
      ['read from the start', fromStart],
      ['begun at a snapshot', fromSnapshot],
      ['the same while Postgres hangs', postgresHangs],
    ] as const) {
      const [long, short] = [took[withHistory] ?? NaN, took[without] ?? NaN];
      report.line(
        `${name}: with history ${seconds(long)}, without ${seconds(short)}, ratio ${(long / short).toFixed(2)}`,
      );
    }
    report.line(`snapshots of both made in ${seconds(made.tookMs)}: ${made.bytes.join(' and ')} bytes`);
    return isBounded(fromSnapshot) && isBounded(postgresHangs);
  } finally {
    await log.close();
  }
}

const tasks = option('--tasks', 1_000_000);
const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-bench-'));
const root = process.cwd();
let failed = false;
let kafka: Kafka | null = null;
try {
  report.line(
    `load average ${loadavg()[0]?.toFixed(1)}; live state: ${live.agents} agents, ${live.tasks} tasks, ${live.leased} of them leased`,
  );
  const { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs } = ownerGroupPace;
  report.line(
    `before it comes the group's verdict: session timeout ${seconds(sessionTimeoutMs)}, heartbeat every ` +
      `${seconds(heartbeatIntervalMs)}, rebalance at most ${seconds(rebalanceTimeoutMs)}`,
  );
  const infra = (await import(join(root, 'scripts/infra/index.mjs'))) as {
    startKafka(options: { dataDir: string; heapMb: number; quickStart: boolean }): Promise<Kafka>;
  };
  kafka = await infra.startKafka({ dataDir: join(dataDir, 'kafka'), heapMb: 512, quickStart: false });
  const holds = await measure(kafka, dataDir, tasks);
  const blocking = blockingOf(100_000);
  report.put('blocking', blocking);
  report.line(
    `a state of ${blocking.tasks} waiting tasks: ${(blocking.chars / 1e6).toFixed(1)} MB of text, written in ` +
      `${seconds(blocking.serializeMs)} (the keeper's thread), read in ${seconds(blocking.deserializeMs)} (the owner's loop, once)`,
  );
  report.finish();
  if (!holds) throw new Error(`recovery with a snapshot depends on history, or takes ${mostMs} ms`);
} catch (error: unknown) {
  failed = true;
  process.stderr.write(`takeover: ${String(error)}\n`);
} finally {
  await kafka?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
