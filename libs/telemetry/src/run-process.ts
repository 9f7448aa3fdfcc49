import { type Logger } from './logger.js';

export interface ProcessParts {
  readonly name: string;
  readonly logger: Logger;
  /** Resolves when the process can do its work; what it answers (addresses) is logged with `ready`. */
  start(): Promise<Readonly<Record<string, unknown>>>;
  /** Called once, also when the start has not come to its end. */
  stop(): Promise<void>;
  readonly stopDeadlineMs?: number;
}

const defaultStopDeadlineMs = 9_500;

/**
 * The life of a process: starting -> ready -> stopping -> gone.
 *
 * starting: `start` runs. It failed: exit 1. A signal: stopping.
 * ready: a signal: stopping. An error that nobody handled: exit 1 at once, since the state is not to be
 *   trusted any more and whoever started the process starts it again.
 * stopping: `stop` ends within the deadline: exit 0; else exit 1. A second signal: exit 1 at once.
 */
export function runProcess(parts: ProcessParts): void {
  const { logger } = parts;
  let stopping = false;

  const die = (error: unknown, msg: string): void => {
    logger.fatal({ err: error }, msg);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => die(error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(error, 'unhandled rejection'));

  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      logger.warn({ signal }, 'second signal, leaving at once');
      process.exit(1);
    }
    stopping = true;
    logger.info({ signal }, 'stopping');
    void stopWithin(parts).then((clean) => process.exit(clean ? 0 : 1));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

  parts.start().then(
    (addresses) => {
      if (!stopping) logger.info({ ...addresses }, 'ready');
    },
    (error: unknown) => {
      // A start that a signal cut short may fail in any way; the stop is what counts then.
      if (!stopping) die(error, 'start failed');
    },
  );
}

async function stopWithin(parts: ProcessParts): Promise<boolean> {
  const deadlineMs = parts.stopDeadlineMs ?? defaultStopDeadlineMs;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs);
  });
  try {
    const outcome = await Promise.race([parts.stop(), late]);
    if (outcome === 'late') parts.logger.error({ deadlineMs }, 'stop did not end in time');
    else parts.logger.info('stopped');
    return outcome !== 'late';
  } catch (error: unknown) {
    parts.logger.error({ err: error }, 'stop failed');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
