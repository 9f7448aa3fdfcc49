import { parseArgs } from 'node:util';
import { Counters, runSeed, sometimes, type SeedResult } from './index.js';

/** Fewer seeds than this cannot be asked to have seen everything. */
const seedsForSometimes = 200;
const maxReported = 10;
const timelineLines = 15;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    /** Ends at the first violation. */
    first: { type: 'boolean', default: false },
    /** More of what happened before a violation. */
    story: { type: 'boolean', default: false },
    /** A line for each seed. */
    verbose: { type: 'boolean', default: false },
  },
});
const seeds = Number(values.seeds);
const from = Number(values.from);
if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || seeds < 1 || from < 0) {
  console.error('usage: npm run sim -- --seeds N --from S [--first] [--story] [--verbose]');
  process.exit(2);
}

function report(result: SeedResult): void {
  console.log(`\nseed ${result.seed}: ${result.violation}`);
  const lines = values.story ? result.story : result.story.slice(-timelineLines);
  for (const line of lines) console.log(`    ${line}`);
  console.log(`  replay: npm run sim -- --seeds 1 --from ${result.seed}`);
}

const counters = new Counters();
let steps = 0;
let fewest = Infinity;
let virtualMs = 0;
let violations = 0;
let ran = 0;
const startedAt = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  const result = runSeed(seed);
  ran += 1;
  steps += result.steps;
  fewest = Math.min(fewest, result.steps);
  virtualMs += result.virtualMs;
  counters.addAll(result.counters);
  if (values.verbose) console.log(`seed ${seed} steps ${result.steps} trace ${result.trace}`);
  if (result.violation === null) continue;
  violations += 1;
  if (violations <= maxReported) report(result);
  if (values.first) break;
}
const seconds = (performance.now() - startedAt) / 1000;
const cpuSeconds = process.cpuUsage().user / 1e6;

console.log(`\n${'sometimes'.padEnd(22)}in all   per seed`);
for (const what of sometimes) {
  const count = counters.get(what);
  console.log(`${what.padEnd(22)}${String(count).padEnd(9)}${(count / ran).toFixed(2)}`);
}
const missing = ran >= seedsForSometimes ? counters.never : [];
if (missing.length > 0) console.log(`\nnever happened: ${missing.join(', ')}`);
console.log(
  `\n${(virtualMs / 3_600_000).toFixed(1)} virtual hours in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU); fewest steps of a seed: ${fewest}`,
);
console.log(
  `seeds ${ran} steps ${steps} steps_per_s ${Math.round(steps / seconds)} violations ${violations}`,
);
process.exitCode = violations > 0 || missing.length > 0 ? 1 : 0;
