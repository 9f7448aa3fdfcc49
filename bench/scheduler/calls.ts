import { Session } from 'node:inspector/promises';
import { setFlagsFromString } from 'node:v8';
import { type Course } from './in-turns.js';
import { Population } from './population.js';

/**
 * How much is done for one decision at this size, as a number that neither the machine nor its load moves: how often
 * functions of the rules are called, as the engine counts them.
 */
const { size, atWork } = JSON.parse(process.argv[2] ?? '') as Course;
const rules = '/libs/domain/';
const endsAtOnce = 200;
const decisions = 2_000;

const population = new Population(size);
population.queueAll(false);
while (population.decideOne());
population.narrowTo(atWork);

// What is compiled for good, and into its callers, is not counted.
setFlagsFromString('--no-opt');
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

/** Since it was last asked. */
async function calls(): Promise<number> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const functions = result.filter(({ url }) => url.includes(rules)).flatMap((script) => script.functions);
  return functions.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
}

let made = 0;
let counted = 0;
while (made < decisions) {
  for (let i = 0; i < endsAtOnce; i++) population.endOne();
  await calls();
  while (population.decideOne()) made += 1;
  counted += await calls();
}
process.send!(counted / made);
session.disconnect();
process.disconnect();
