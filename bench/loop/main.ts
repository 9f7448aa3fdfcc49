import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { topicsOf } from '@fluxforge/events/topics';
import pg from 'pg';
import { quantiles } from '../support/clock.js';
import { until } from '../support/poll.js';
import { Report } from '../support/report.js';
import { type Part, System } from '../support/system.js';
import { LogCounter } from './ends.js';
import { grpcFloor, kafkaFloor } from './floors.js';
import { closedLoop, openLoop, type Submitted } from '../support/load.js';
import { witnessed } from './witness.js';

/**
 * The main job's measures, all in one run on one machine, floors included: submit to start at a fixed pace,
 * tasks per second, CPU per task of each process, and the projector's pace.
 */
const pace = { perSecond: 50, seconds: 20 };
const throughput = { total: 20_000, inFlight: 64 };
/** Before anything is timed: processes that have just started run code that is not compiled yet. */
const warmUp = { total: 2_000, inFlight: 16 };
const partitions = 8;
const report = new Report('loop');

const ms = (value: number): string => `${value.toFixed(2)} ms`;

async function floors(system: System): Promise<void> {
  const kafka = await kafkaFloor(system.brokers);
  const grpc = await grpcFloor();
  report.put('floors', { kafka, grpc });
  report.line(`floor: Kafka append, acks=all      p50 ${ms(kafka.append.p50)}  p99 ${ms(kafka.append.p99)}`);
  report.line(
    `floor: Kafka append to delivery    p50 ${ms(kafka.delivered.p50)}  p99 ${ms(kafka.delivered.p99)}`,
  );
  report.line(`floor: gRPC ping-pong, one stream  p50 ${ms(grpc.p50)}  p99 ${ms(grpc.p99)}`);
}

async function allWitnessed(system: System, submitted: readonly Submitted[]): Promise<Map<string, number>> {
  return until('every task was started by the agent', () => {
    const starts = witnessed(system.witnessFile);
    return submitted.every(({ id }) => starts.has(id)) ? starts : null;
  });
}

async function latency(system: System): Promise<void> {
  await closedLoop(system.client, warmUp.total, warmUp.inFlight);
  await openLoop(system.client, pace.perSecond, 3);
  const { submitted, lateMs } = await openLoop(system.client, pace.perSecond, pace.seconds);
  const starts = await allWitnessed(system, submitted);
  const found = quantiles(submitted.map(({ id, sentUs }) => ((starts.get(id) ?? 0) - sentUs) / 1000));
  report.put('submit_to_start_ms', { ...found, ...pace, generator_late_ms: lateMs });
  report.line(
    `submit to start at ${pace.perSecond}/s for ${pace.seconds} s: p50 ${ms(found.p50)}  p95 ${ms(found.p95)}  p99 ${ms(found.p99)}` +
      `  (generator at most ${ms(lateMs)} late)`,
  );
}

async function tasksPerSecond(system: System, counter: LogCounter): Promise<void> {
  await closedLoop(system.client, 1000, throughput.inFlight);
  const before = system.cpu();
  const startMs = performance.now();
  const submitted = await closedLoop(system.client, throughput.total, throughput.inFlight);
  const ackedMs = performance.now() - startMs;
  const ids = new Set(submitted.map(({ id }) => id));
  await until('the log says that every task has ended', async () => {
    await counter.advance();
    for (const id of ids) if (counter.ended.has(id)) ids.delete(id);
    return ids.size === 0 ? true : null;
  });
  const doneMs = performance.now() - startMs;
  const after = system.cpu();
  const starts = witnessed(system.witnessFile);
  const unseen = submitted.filter(({ id }) => !starts.has(id)).length;
  if (unseen > 0) throw new Error(`${unseen} tasks ended by the log that no agent's file knows of`);
  const perSecond = (throughput.total / doneMs) * 1000;
  report.put('tasks_per_s', { perSecond, acked_per_s: (throughput.total / ackedMs) * 1000, ...throughput });
  report.line(
    `single submits to completed: ${perSecond.toFixed(0)} tasks/s (acknowledged at ${((throughput.total / ackedMs) * 1000).toFixed(0)}/s)`,
  );
  cpuPerTask(before, after);
}

function cpuPerTask(before: Record<Part, number>, after: Record<Part, number>): void {
  const parts = Object.keys(before) as Part[];
  const each = Object.fromEntries(
    parts.map((part) => [part, Math.round((after[part] - before[part]) / throughput.total)]),
  );
  report.put('cpu_us_per_task', each);
  report.line(`CPU microseconds per task: ${parts.map((part) => `${part} ${each[part]}`).join('  ')}`);
}

/** Stops the projector, lets events gather, and takes the time until it has caught up. */
async function projector(system: System, counter: LogCounter): Promise<void> {
  const db = new pg.Client({ connectionString: system.postgresUrl });
  await db.connect();
  await counter.advance();
  await caughtUp(db, counter);
  await system.end('projector');
  const from = counter.offsets;
  await closedLoop(system.client, 5000, throughput.inFlight);
  await until('the events have gathered', async () => {
    const seen = counter.offsets;
    await counter.advance();
    return counter.offsets === seen && seen > from ? true : null;
  });
  system.launch('projector');
  await until('the projector has begun', async () => ((await projected(db)) > from ? true : null));
  const startMs = performance.now();
  const begun = await projected(db);
  await caughtUp(db, counter);
  const perSecond = ((counter.offsets - begun) / (performance.now() - startMs)) * 1000;
  await db.end();
  report.put('projector_events_per_s', perSecond);
  report.line(`projector: ${perSecond.toFixed(0)} events/s while catching up on ${counter.offsets - from}`);
}

/** Offsets of tasks.events that the views hold, over all partitions. */
async function projected(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ n: string | null }>(
    `SELECT sum(next) AS n FROM positions WHERE projection = 'views' AND context = 'tasks'`,
  );
  return Number(rows[0]?.n ?? 0);
}

function caughtUp(db: pg.Client, counter: LogCounter): Promise<true> {
  const done = async (): Promise<true | null> => ((await projected(db)) >= counter.offsets ? true : null);
  return until('the projector has caught up', done, 120_000);
}

/** What the agent's own journal says it has run, once the agent has stopped. */
async function journalledRuns(system: System): Promise<void> {
  await system.end('agent');
  const { runs } = JSON.parse(await system.agentJournal()) as { runs: Record<string, number> };
  const total = Object.values(runs).reduce((sum, count) => sum + count, 0);
  const least = throughput.total + pace.perSecond * pace.seconds;
  report.put('agent_journal_runs', total);
  report.line(`the agent's journal counts ${total} runs`);
  if (total < least)
    throw new Error(`the agent's journal counts ${total} runs, at least ${least} tasks have ended`);
}

/** `npm start` on data that is there already: until every example state is compliant. */
function warmStart(): void {
  const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-warm-'));
  try {
    const texts = [1, 2].map(() => {
      const env = { ...process.env, FLUXFORGE_DATA_DIR: dataDir };
      const run = spawnSync(process.execPath, ['scripts/start.mjs', '--demo'], {
        env,
        encoding: 'utf8',
        timeout: 180_000,
      });
      if (run.status !== 0)
        throw new Error(`npm start -- --demo ended with ${run.status}: ${run.stdout.slice(-500)}`);
      return run.stdout;
    });
    const stamp = /\[\s*([\d.]+) s\] every example state is compliant/.exec(texts[1] ?? '');
    report.put('warm_start_to_compliant_s', Number(stamp?.[1]));
    report.line(`npm start, warm, to every example state compliant: ${stamp?.[1] ?? '?'} s`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const root = process.cwd();
const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-bench-'));
const system = new System(root, dataDir, 256);
let failed = false;
try {
  report.line(
    `load average ${loadavg()[0]?.toFixed(1)}; acks=all; Kafka without flush per message, replication 1; agent journal with fsync`,
  );
  report.put('settings', {
    acks: 'all',
    replication: 1,
    kafka_flush: 'os',
    agent_fsync: true,
    load: loadavg(),
  });
  await system.start();
  await floors(system);
  const log = createKafkaLog({ brokers: [system.brokers], clientId: 'bench' });
  const counter = new LogCounter(log, topicsOf('fluxforge').events.tasks, partitions);
  await latency(system);
  await tasksPerSecond(system, counter);
  await projector(system, counter);
  await journalledRuns(system);
  await log.close();
  await system.stop();
  warmStart();
  report.finish();
} catch (error: unknown) {
  failed = true;
  process.stderr.write(`loop: ${String(error)}\n`);
} finally {
  await system.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
