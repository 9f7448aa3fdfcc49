import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly process: string;
  readonly level: string;
  readonly runId?: string | null;
  /** Where lines go; standard output unless a test listens. */
  readonly destination?: DestinationStream;
}

/** What a line is about. These names are the same in every process, so that one search follows one command. */
export interface LogContext {
  readonly tenant?: string;
  readonly task?: string;
  readonly state?: string;
  readonly agent?: string;
  readonly command?: string;
  /** W3C `traceparent`, as it came with the request. */
  readonly trace?: string | null;
  readonly context?: string;
  readonly partition?: number;
}

// Whatever a caller passes by mistake, these never reach a log.
const secretFields = ['credential', 'token', 'api_key', 'authorization', 'signingKey', 'password'];

export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: {
      process: options.process,
      pid: process.pid,
      ...(options.runId ? { run: options.runId } : {}),
    },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '(hidden)' },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}

/** A logger whose lines carry the context. */
export function inContext(logger: Logger, context: LogContext): Logger {
  const given = Object.entries(context).filter(([, value]) => value !== undefined && value !== null);
  return logger.child(Object.fromEntries(given));
}
