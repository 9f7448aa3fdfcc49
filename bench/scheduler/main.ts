import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { quantiles } from '../support/clock.js';
import { option } from '../support/options.js';
import { Report } from '../support/report.js';
import { costOf, crowds } from './crowds.js';
import { Population, type Size } from './population.js';
import { questionCosts } from './questions.js';

/**
 * The pure core of the scheduler, without a log: what one decision costs and what one queued task weighs, at the
 * full size and at a tenth and a hundredth of it.
 *   npm run bench -- scheduler [--decisions N] [--json FILE]
 *
 * One decision is `plan` (pick the tenant, the task and the agent) and the fold of the lease, in processor time. All
 * agents are full, and each decision takes a slot that an end has freed; ends are counted in the second number.
 * The heap of a queued task is all that the state has grown by, task ids and specs included, once tasks are queued:
 * half of them by agent id, half by a selector of two terms, all with a delivery timeout. Tasks that say the same
 * share their spec; what a task weighs when all are distinct is told as well. At the end, what questions about one large
 * tenant take of the thread, in processor time.
 */
const full: Size = { tenants: 100, agents: 10_000, tasks: 1_000_000 };
/** Reports that one commit of the owner takes in, at a busy time. */
const endsAtOnce = 200;
const wanted = { perSecond: 50_000, bytes: 400 };
const report = new Report('scheduler');

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
  const queueCpu = process.cpuUsage();
  population.queueAll(false);
  const queuedPerSecond = (size.tasks / usedUs(queueCpu)) * 1e6;
  const bytesPerTask = (heapBytes() - before) / size.tasks;
  while (population.decideOne());
  // Warm, and in the state in which it stays.
  run(population, decisions / 10);
  const { decisionsUs, cpuUs, cpuWithEndsUs } = run(population, decisions);
  const { p50, p99 } = quantiles(decisionsUs);
  const made = decisionsUs.length;
  return {
    size,
    bytesPerTask,
    queuedPerSecond,
    decisionUs: cpuUs / made,
    perSecond: (made / cpuUs) * 1e6,
    withEndsPerSecond: (made / cpuWithEndsUs) * 1e6,
    p50,
    p99,
  };
}

interface Times {
  /** Of each decision, by the wall's clock. */
  readonly decisionsUs: number[];
  /** Of all decisions together, by the processor's: the collector's threads included, other processes not. */
  readonly cpuUs: number;
  readonly cpuWithEndsUs: number;
}

/** Ends as many runs as a commit may, then gives the leases that they make room for. */
function run(population: Population, decisions: number): Times {
  const decisionsUs: number[] = [];
  const fromCpu = process.cpuUsage();
  let cpuUs = 0;
  while (decisionsUs.length < decisions) {
    for (let i = 0; i < endsAtOnce; i++) population.endOne();
    const cpu = process.cpuUsage();
    for (;;) {
      const startMs = performance.now();
      if (!population.decideOne()) break;
      decisionsUs.push((performance.now() - startMs) * 1000);
    }
    cpuUs += usedUs(cpu);
  }
  return { decisionsUs, cpuUs, cpuWithEndsUs: usedUs(fromCpu) };
}

function usedUs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
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
      `(${found.decisionUs.toFixed(1)} us of processor time each; by the wall p50 ${found.p50.toFixed(1)}, p99 ${found.p99.toFixed(1)}), ` +
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
for (const crowd of only > 0 ? [] : crowds) {
  const [small, large] = [costOf(crowd, 1_000, 500), costOf(crowd, 10_000, 500)];
  report.put(`crowd: ${crowd.name}`, [small, large]);
  report.line(
    `${crowd.name}: a lease and its end cost ${small.usPerLease.toFixed(0)} us among 1,000 tasks, ` +
      `${large.usPerLease.toFixed(0)} us among 10,000; the longest plan took ${large.longestPlanMs.toFixed(1)} ms`,
  );
}
for (const cost of only > 0 ? [] : questionCosts()) {
  report.put(`question: ${cost.question}`, cost);
  report.line(
    `${cost.question}: ${cost.wholeMs.toFixed(0)} ms of the owner's thread in all, its longest step ` +
      `${cost.longestStepMs.toFixed(1)} ms, with ${cost.tasks} tasks and ${cost.agents} agents in one tenant`,
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
