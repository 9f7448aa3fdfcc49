export interface ExitOf {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

/** A service that runs as a child process and writes into a log file. */
export interface RunningService {
  readonly pid: number;
  readonly port: number;
  readonly logFile: string;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<ExitOf>;
  /** Clean stop; past its deadline the process is killed. */
  stop(): Promise<void>;
  /** SIGKILL, resolved when the process is gone. Start again with the same data folder (and port). */
  kill9(): Promise<void>;
  /** SIGSTOP: connections stay open and nobody answers. */
  pause(): boolean;
  resume(): boolean;
}

export interface RunningKafka extends RunningService {
  /** `host:port`, for FLUXFORGE_KAFKA_BROKERS. */
  readonly brokers: string;
}

export interface RunningPostgres extends RunningService {
  /** Of the database that was asked for, with user and password. */
  readonly url: string;
  urlOf(database: string): string;
}

/** Keeps nothing. */
export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  kill9(): Promise<void>;
  pause(): unknown;
  resume(): unknown;
}

export interface KafkaOptions {
  readonly dataDir: string;
  /** Refused when it is in use; without one a free port is chosen. */
  readonly port?: number;
  readonly heapMb?: number;
  /** Less compiler, faster start (default true). Switch off where throughput is measured. */
  readonly quickStart?: boolean;
  readonly runId?: string;
  readonly log?: (line: string) => void;
  /** Called as soon as the process runs, before it is ready. */
  readonly onSpawn?: (service: RunningKafka) => void;
}

export interface PostgresOptions {
  readonly dataDir: string;
  readonly port?: number;
  /** Created when it is not there (default `fluxforge`). */
  readonly database?: string;
  /** fsync (default false: safe against kill -9, not against power loss). */
  readonly durable?: boolean;
  readonly runId?: string;
  readonly onSpawn?: (service: RunningPostgres) => void;
}

export function startKafka(options: KafkaOptions): Promise<RunningKafka>;
export function startRedis(options: {
  readonly dataDir: string;
  readonly port?: number;
  readonly runId?: string;
}): Promise<RunningRedis>;
export { redisProgram } from './redis-program.mjs';
export function startPostgres(options: PostgresOptions): Promise<RunningPostgres>;
/** The class path of Kafka; the first call downloads it with Maven. */
export function kafkaJars(options?: { log?: (line: string) => void }): Promise<string[]>;
export function kafkaIsCached(): boolean;
export function brokerIsReady(host: string, port: number, deadlineMs?: number): Promise<boolean>;
export function freePort(): Promise<number>;
export function portIsFree(port: number): Promise<boolean>;
export function portOr(wanted?: number): Promise<number>;
/** Something the machine lacks; the message names the command that mends it. */
export class MissingPart extends Error {}
