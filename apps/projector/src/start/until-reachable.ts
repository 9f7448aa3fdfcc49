import { type Logger, type Readiness } from '@fluxforge/telemetry';
import { backoffMs, pause } from '../following/backoff.js';

export interface WaitingParts {
  readonly readiness: Readiness;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Calls until it works: at the start, other parts may come up later than this one. What cannot pass (a
 * topic of another size, for instance) is thrown at once.
 * @throws also when the signal is given
 */
export async function untilReachable(
  part: string,
  call: () => Promise<void>,
  { readiness, logger, signal }: WaitingParts,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      await call();
      readiness.set(part, 'ok');
      return;
    } catch (error: unknown) {
      if ((error as { failure?: unknown }).failure === 'fatal') throw error;
      readiness.set(part, 'down', error instanceof Error ? error.message : String(error));
      if (failures % 10 === 0) logger.warn({ err: error, part }, 'not reachable yet, trying again');
    }
    if (!(await pause(backoffMs(failures, Math.random), signal))) throw new Error('stopped while starting');
  }
}
