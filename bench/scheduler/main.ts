import { quantiles } from '../support/clock.js';
import { option } from '../support/options.js';
import { Report } from '../support/report.js';
import { costOf, crowds } from './crowds.js';
import { heapBytes } from './heap.js';
import { callsFor, inTurns, type Course, type Measured, type Round } from './in-turns.js';
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
 * How the cost grows is told three times. In calls of functions: so much more is done. In time, as the median of rounds
 * that the sizes take in turns: there it counts as well that ten times as many tenants and agents fit no cache, so
 * that what is looked at comes from further away. And in time while as few tenants are at work as there are in the
 * tenth: as much is at hand then, and what is left is what a longer queue costs.
 */
const full: Size = { tenants: 100, agents: 10_000, tasks: 1_000_000 };
const wanted = { perSecond: 50_000, bytes: 400 };
const report = new Report('scheduler');

function shrunk({ tenants, agents, tasks }: Size, by: number): Size {
  return { tenants: tenants / by, agents: agents / by, tasks: tasks / by };
}

interface Found extends Course {
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

function summary({ size, atWork, weight, rounds }: Measured, calls: number): Found {
  const sum = (of: (round: Round) => number): number => rounds.reduce((all, round) => all + of(round), 0);
  const made = sum((round) => round.made);
  const decisionUs = sum((round) => round.cpuUs) / made;
  return {
    size,
    atWork,
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

function tell({ size, atWork, ...found }: Found): void {
  const tenants =
    atWork === size.tenants ? `${atWork} tenants` : `${size.tenants} tenants (${atWork} at work)`;
  report.line(
    `${tenants}, ${size.agents} agents, ${size.tasks} tasks: ${found.perSecond.toFixed(0)} decisions/s ` +
      `(${found.decisionUs.toFixed(1)} us of processor time each; by the wall p50 ${found.p50.toFixed(1)}, p99 ${found.p99.toFixed(1)}, ` +
      `${found.collectorUs.toFixed(1)} each in the collector; ${found.calls.toFixed(0)} calls), ` +
      `${found.withEndsPerSecond.toFixed(0)}/s with their ends; ${found.bytesPerTask.toFixed(0)} bytes a queued task; ` +
      `queued at ${found.queuedPerSecond.toFixed(0)}/s`,
  );
}

/** Of one decision: how many times that of the other it takes. */
function growth(from: Found, to: Found) {
  return {
    calls: to.calls / from.calls,
    time: median(to.roundsUs.map((us, round) => us / from.roundsUs[round]!)),
  };
}

const decisions = option('--decisions', 50_000);
const rounds = option('--rounds', 25);
const only = option('--only', 0);
const all = (by: number): Course => {
  const size = shrunk(full, by);
  return { size, atWork: size.tenants };
};
const courses =
  only > 0 ? [all(only)] : [all(100), all(10), all(1), { size: full, atWork: full.tenants / 10 }];
const found: Found[] = [];
for (const measured of await inTurns(courses, rounds, decisions / rounds)) {
  const one = summary(measured, await callsFor(measured));
  tell(one);
  found.push(one);
}
report.put('sizes', found);
const distinct = distinctBytes(shrunk(full, 10));
report.put('bytes_per_task_all_distinct', distinct);
report.line(`with a spec of its own in each task: ${distinct.toFixed(0)} bytes a queued task`);
const [, tenth, whole, few] = found;
const logarithm = Math.log2(full.tasks) / Math.log2(shrunk(full, 10).tasks);
if (tenth && whole && few) {
  const [ofAll, ofFew] = [growth(tenth, whole), growth(tenth, few)];
  report.put('growth', { ...ofAll, few_at_work: ofFew, logarithm });
  report.line(
    `ten times as many of each: a decision takes ${ofAll.calls.toFixed(2)} times the calls and ${ofAll.time.toFixed(2)} times ` +
      `the time (logarithm of the tasks: ${logarithm.toFixed(2)}); with no more tenants at work than in the tenth, ` +
      `${ofFew.calls.toFixed(2)} times the calls and ${ofFew.time.toFixed(2)} times the time`,
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
const last = whole ?? found[0];
if (last) {
  const grew = whole && tenth ? growth(tenth, whole) : null;
  const met = {
    decisions: last.perSecond >= wanted.perSecond,
    bytes: last.bytesPerTask <= wanted.bytes,
    ...(grew && { growth_in_calls: grew.calls <= logarithm, growth_in_time: grew.time <= logarithm }),
  };
  report.put('aims', { ...wanted, met });
  const named = (isMet: boolean): string =>
    Object.entries(met)
      .filter(([, one]) => one === isMet)
      .map(([name]) => name)
      .join(', ') || 'none';
  report.line(
    `aims (${wanted.perSecond} decisions/s, ${wanted.bytes} bytes, the logarithm): met ${named(true)}; not met ${named(false)}`,
  );
}
report.finish();
