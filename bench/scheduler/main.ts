import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { quantiles } from '../support/clock.js';
import { Report } from '../support/report.js';
import { Population, type Size } from './population.js';

/**
 * The pure core of the scheduler, without a log: what one decision costs and what one queued task weighs, at the
 * full size and at a tenth and a hundredth of it.
 *   npm run bench -- scheduler [--decisions N] [--json FILE]
 *
 * One decision is `plan` (pick the tenant, the task and the agent) and the fold of the lease. All agents are full:
 * each decision follows an end, which is folded outside of the time that is taken.
 * The heap of a queued task is all that the state has grown by, task ids and specs included, once tasks are queued:
 * half of them by agent id, half by a selector of two terms, all with a delivery timeout. Tasks that say the same
 * share their spec; what a task weighs when all are distinct is told as well.
 */
const full: Size = { tenants: 100, agents: 10_000, tasks: 1_000_000 };
const wanted = { perSecond: 50_000, bytes: 400 };
const report = new Report('scheduler');

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  return at > 0 ? Number(process.argv[at + 1]) : fallback;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function shrunk({ tenants, agents, tasks }: Size, by: number): Size {
  return { tenants: tenants / by, agents: agents / by, tasks: tasks / by };
}

interface Found {
  readonly size: Size;
  readonly bytesPerTask: number;
  readonly queuedPerSecond: number;
  readonly decisionUs: number;
  readonly perSecond: number;
  readonly withEndsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

function measure(size: Size, decisions: number): Found {
  const population = new Population(size);
  const before = heapBytes();
  const queueMs = performance.now();
  population.queueAll(false);
  const queuedPerSecond = size.tasks / ((performance.now() - queueMs) / 1000);
  const bytesPerTask = (heapBytes() - before) / size.tasks;
  while (population.decideOne());
  // Warm, and in the state in which it stays.
  run(population, decisions / 10);
  const startMs = performance.now();
  const times = run(population, decisions);
  const allMs = performance.now() - startMs;
  const sumUs = times.reduce((sum, us) => sum + us, 0);
  const { p50, p99 } = quantiles(times);
  return {
    size,
    bytesPerTask,
    queuedPerSecond,
    decisionUs: sumUs / times.length,
    perSecond: (times.length / sumUs) * 1e6,
    withEndsPerSecond: (times.length / allMs) * 1000,
    p50,
    p99,
  };
}

/** An end, then as many decisions as it makes room for. Answers the microseconds of each decision. */
function run(population: Population, decisions: number): number[] {
  const times: number[] = [];
  while (times.length < decisions) {
    population.endOne();
    for (;;) {
      const startMs = performance.now();
      const isLeased = population.decideOne();
      if (!isLeased) break;
      times.push((performance.now() - startMs) * 1000);
      if (times.length >= decisions) break;
    }
  }
  return times;
}

/** What a task weighs when no two say the same. */
function distinctBytes(size: Size): number {
  const population = new Population(size);
  const before = heapBytes();
  population.queueAll(true);
  return (heapBytes() - before) / size.tasks;
}

function tell({ size, ...found }: Found): void {
  report.line(
    `${size.tenants} tenants, ${size.agents} agents, ${size.tasks} tasks: ${found.perSecond.toFixed(0)} decisions/s ` +
      `(${found.decisionUs.toFixed(1)} us each, p50 ${found.p50.toFixed(1)}, p99 ${found.p99.toFixed(1)}), ` +
      `${found.withEndsPerSecond.toFixed(0)}/s with their ends; ${found.bytesPerTask.toFixed(0)} bytes a queued task; ` +
      `queued at ${found.queuedPerSecond.toFixed(0)}/s`,
  );
}

const decisions = option('--decisions', 200_000);
const only = option('--only', 0);
const found = (only > 0 ? [only] : [100, 10, 1]).map((by) => {
  const one = measure(shrunk(full, by), Math.min(decisions, shrunk(full, by).tasks / 2));
  tell(one);
  return one;
});
report.put('sizes', found);
const distinct = distinctBytes(shrunk(full, 10));
report.put('bytes_per_task_all_distinct', distinct);
report.line(`with a spec of its own in each task: ${distinct.toFixed(0)} bytes a queued task`);
const [tenth, whole] = found.slice(-2);
if (tenth && whole && whole !== tenth) {
  const grew = whole.decisionUs / tenth.decisionUs;
  const allowed = Math.log2(whole.size.tasks) / Math.log2(tenth.size.tasks);
  report.put('growth', { grew, logarithm: allowed });
  report.line(
    `ten times as many of each: a decision costs ${grew.toFixed(2)} times as much (logarithm of the tasks: ${allowed.toFixed(2)})`,
  );
}
const last = found.at(-1);
if (last) {
  report.put('aims', {
    ...wanted,
    met: last.perSecond >= wanted.perSecond && last.bytesPerTask <= wanted.bytes,
  });
}
report.finish();
