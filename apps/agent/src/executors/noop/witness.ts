import { createWriteStream } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Told at the first line of a run. */
export type Witness = (taskId: string, attempt: string) => void;

/**
 * Writes `TASK <tab> ATTEMPT <tab> MICROSECONDS SINCE THE EPOCH` for every run, so that tests and measures can
 * count runs without asking the product. Not durable, and not part of what the agent reports.
 */
export function witnessIn(file: string): Witness {
  const stream = createWriteStream(file, { flags: 'a' });
  // A witness that cannot write must not harm the run it watches.
  stream.on('error', () => undefined);
  return (taskId, attempt) => {
    const us = Math.round((performance.timeOrigin + performance.now()) * 1000);
    stream.write(`${taskId}\t${attempt}\t${us}\n`);
  };
}
