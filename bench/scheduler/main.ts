import { quantiles } from '../support/clock.js';
import { option } from '../support/options.js';
import { Report } from '../support/report.js';
import { costOf, crowds } from './crowds.js';
import { heapBytes } from './heap.js';
import { callsFor, inTurns, type Measured, type Round } from './in-turns.js';
import { Population, type Size } from './population.js';
import { questionCosts } from './questions.js';

/**
 * The pure core of the scheduler, without a log: what one decision costs and what one queued task weighs, at the
 * full size and at a tenth and a hundredth of it.
 *   npm run bench -- scheduler [--decisions N] [--rounds N] [--only DIVISOR] [--json FILE]
 *
 * One decision is `plan` (pick the tenant, the task and the agent) and the fold of the lease, in processor time. All
 * agents are full, and each decision takes a slot that an end has freed; ends are counted in the second number.
 * The heap of a queued task is all that the state has grown by, task ids and specs included, once tasks are queued:
 * half of them by agent id, half by a selector of two terms, all with a delivery timeout. Tasks that say the same
 * share their spec; what a task weighs when all are distinct is told as well. At the end, what questions about one large
 * tenant take of the thread, in processor time.
 *
 * How the cost grows is told twice. In calls of functions: so much more is done. In time, as the median of rounds that
 * the sizes take in turns: that holds as well that a state ten times as large fits no cache, so that what is looked
 * at comes from further away.
 */
const full: Size = { tenants: 100, agents: 10_000, tasks: 1_000_000 };
const wanted = { perSecond: 50_000, bytes: 400 };
const report = new Report('scheduler');

function shrunk({ tenants, agents, tasks }: Size, by: number): Size {
  return { tenants: tenants / by, agents: agents / by, tasks: tasks / by };
}

interface Found {
  readonly size: Size;
  readonly bytesPerTask: number;
  readonly queuedPerSecond: number;
  /** Of each round. */
  readonly roundsUs: readonly number[];
  readonly decisionUs: number;
  readonly collectorUs: number;
  readonly perSecond: number;
  readonly withEndsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly calls: number;
}

function summary({ size, weight, rounds }: Measured, calls: number): Found {
  const sum = (of: (round: Round) => number): number => rounds.reduce((all, round) => all + of(round), 0);
  const made = sum((round) => round.made);
  const decisionUs = sum((round) => round.cpuUs) / made;
  return {
    size,
    ...weight,
    roundsUs: rounds.map((round) => round.cpuUs / round.made),
    decisionUs,
    collectorUs: sum((round) => round.collectorUs) / made,
    perSecond: 1e6 / decisionUs,
    withEndsPerSecond: (made / sum((round) => round.cpuWithEndsUs)) * 1e6,
    p50: median(rounds.map((round) => round.p50)),
    p99: median(rounds.map((round) => round.p99)),
    calls,
  };
}

function median(values: readonly number[]): number {
  return quantiles(values).p50;
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
      `(${found.decisionUs.toFixed(1)} us of processor time each; by the wall p50 ${found.p50.toFixed(1)}, p99 ${found.p99.toFixed(1)}, ` +
      `${found.collectorUs.toFixed(1)} each in the collector; ${found.calls.toFixed(0)} calls), ` +
      `${found.withEndsPerSecond.toFixed(0)}/s with their ends; ${found.bytesPerTask.toFixed(0)} bytes a queued task; ` +
      `queued at ${found.queuedPerSecond.toFixed(0)}/s`,
  );
}

/** Of one decision, where there is ten times as much of each; `logarithm`: how much that of the tasks grows. */
function growth(tenth: Found, whole: Found) {
  const ratios = whole.roundsUs.map((us, round) => us / tenth.roundsUs[round]!);
  return {
    calls: whole.calls / tenth.calls,
    time: median(ratios),
    logarithm: Math.log2(whole.size.tasks) / Math.log2(tenth.size.tasks),
  };
}

const decisions = option('--decisions', 200_000);
const rounds = option('--rounds', 40);
const only = option('--only', 0);
const sizes = (only > 0 ? [only] : [100, 10, 1]).map((by) => shrunk(full, by));
const found: Found[] = [];
for (const measured of await inTurns(sizes, rounds, decisions / rounds)) {
  const one = summary(measured, await callsFor(measured.size));
  tell(one);
  found.push(one);
}
report.put('sizes', found);
const distinct = distinctBytes(shrunk(full, 10));
report.put('bytes_per_task_all_distinct', distinct);
report.line(`with a spec of its own in each task: ${distinct.toFixed(0)} bytes a queued task`);
const [tenth, whole] = found.slice(-2);
const grew = tenth && whole ? growth(tenth, whole) : null;
if (grew) {
  report.put('growth', grew);
  report.line(
    `ten times as many of each: a decision takes ${grew.calls.toFixed(2)} times the calls and ${grew.time.toFixed(2)} times ` +
      `the time (logarithm of the tasks: ${grew.logarithm.toFixed(2)})`,
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
    met:
      last.perSecond >= wanted.perSecond &&
      last.bytesPerTask <= wanted.bytes &&
      (!grew || grew.calls <= grew.logarithm),
  });
}
report.finish();
