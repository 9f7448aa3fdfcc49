import { type PartitionPulse } from './hot-queue.js';

/** What an owner that is gone has left in the cache is forgotten after this. */
export const mirrorKeepMs = 5_000;

/** Of a partition's runner. What is covered is committed: it may be told while the owner may speak at all. */
interface Runner {
  readonly host: { readonly coveredCommands: number };
  lag(source: 'commands'): number;
}

export function pulseOf(runner: Runner): PartitionPulse {
  return { covered: runner.host.coveredCommands, lag: runner.lag('commands') };
}
