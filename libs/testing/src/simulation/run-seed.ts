import { createHash } from 'node:crypto';
import { type Counters } from './counters.js';
import { World } from './world.js';

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Of everything that happened, in order, down to the bytes of every accepted record. */
  readonly trace: string;
  readonly counters: Counters;
  readonly violation: string | null;
  /** What happened before a violation. */
  readonly story: readonly string[];
}

export function runSeed(seed: number): SeedResult {
  const world = new World(seed);
  let violation: string | null = null;
  try {
    world.run();
  } catch (error: unknown) {
    // A rule or a host that throws has broken a promise as surely as a check that fails.
    violation =
      error instanceof Error
        ? error.name === 'Violation'
          ? error.message
          : (error.stack ?? error.message)
        : String(error);
  }
  const { timeline, counters } = world;
  return {
    seed,
    steps: timeline.steps,
    virtualMs: timeline.nowMs - timeline.startMs,
    trace: traceOf(world),
    counters,
    violation,
    story: violation === null ? [] : timeline.story(),
  };
}

function traceOf({ timeline, witness }: World): string {
  const hash = createHash('sha256').update(`${timeline.steps} ${timeline.trace} ${timeline.nowMs}`);
  for (const journals of [witness.journals.tasks, witness.journals.states]) {
    // The chain's hash stands for every byte of the partition's accepted records.
    for (const { reader } of journals) hash.update(JSON.stringify(reader.position));
  }
  return hash.digest('hex');
}
