import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '@fluxforge/testing/postgres';
import {
  startKafka,
  startPostgres,
  type RunningKafka,
  type RunningPostgres,
} from '../../../scripts/infra/index.mjs';
import { childrenOf, signalAll, signalChildren } from './process-table.js';

/** Where the log and the database of a system are. */
export interface Infra {
  readonly brokers: string;
  readonly postgresUrl: string;
  /** A second, empty database beside the system's own. */
  emptyDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }>;
  stop(): Promise<void>;
}

/** The broker that the whole run shares, and a database of one's own: for tests that leave both alone. */
export async function sharedInfra(): Promise<Infra> {
  const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
  if (!brokers) throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS is not set; run this spec through `npm test`');
  const database = await createTestDatabase();
  return {
    brokers,
    postgresUrl: database.url,
    emptyDatabase: createTestDatabase,
    stop: () => database.drop(),
  };
}

/** A broker and a database that the test may kill, pause and start again, on the same ports. */
export class OwnInfra implements Infra {
  private kafkaDead = false;
  private postgresDead = false;
  private kafkaStart: Promise<void> | null = null;
  private postgresStart: Promise<void> | null = null;

  private constructor(
    private readonly folder: string,
    private kafka: RunningKafka,
    private postgres: RunningPostgres,
  ) {}

  static async start(): Promise<OwnInfra> {
    const folder = mkdtempSync(join(tmpdir(), 'fluxforge-e2e-infra-'));
    chmodSync(folder, 0o711); // Postgres may run as another user
    const [kafka, postgres] = await Promise.all([
      startKafka({ dataDir: join(folder, 'kafka'), heapMb: 256, ...runId() }),
      startPostgres({ dataDir: join(folder, 'postgres'), ...runId() }),
    ]);
    return new OwnInfra(folder, kafka, postgres);
  }

  get brokers(): string {
    return this.kafka.brokers;
  }

  get postgresUrl(): string {
    return this.postgres.url;
  }

  /** Open connections stay open and nobody answers, until `heal`. */
  pauseKafka(): void {
    this.kafka.pause();
  }

  /** All of it: the backends serve their clients without the postmaster. */
  pausePostgres(): void {
    this.postgres.pause();
    signalChildren(this.postgres.pid, 'SIGSTOP');
  }

  async killKafka(): Promise<void> {
    await this.kafkaStart;
    this.kafkaDead = true;
    await this.kafka.kill9();
  }

  async killPostgres(): Promise<void> {
    await this.postgresStart;
    this.postgresDead = true;
    // Children that stand still outlive their parent and keep its shared memory: the next one could not start.
    const children = childrenOf(this.postgres.pid);
    await this.postgres.kill9();
    signalAll(children, 'SIGKILL');
  }

  /** Whatever was paused goes on, whatever was killed is started again, side by side. */
  async heal(): Promise<void> {
    await Promise.all([this.healKafka(), this.healPostgres()]);
  }

  /** May be called by several at one time: they wait for the same start. */
  async healKafka(): Promise<void> {
    this.kafka.resume();
    if (this.kafkaDead) await (this.kafkaStart ??= this.restartKafka());
  }

  async healPostgres(): Promise<void> {
    this.postgres.resume();
    signalChildren(this.postgres.pid, 'SIGCONT');
    if (this.postgresDead) await (this.postgresStart ??= this.restartPostgres());
  }

  private async restartKafka(): Promise<void> {
    const { port } = this.kafka;
    const dataDir = join(this.folder, 'kafka');
    this.kafka = await startKafka({ dataDir, port, heapMb: 256, ...runId() });
    this.kafkaDead = false;
    this.kafkaStart = null;
  }

  private async restartPostgres(): Promise<void> {
    const { port } = this.postgres;
    this.postgres = await startPostgres({ dataDir: join(this.folder, 'postgres'), port, ...runId() });
    this.postgresDead = false;
    this.postgresStart = null;
  }

  async emptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
    const server = process.env['FLUXFORGE_TEST_POSTGRES_URL'];
    process.env['FLUXFORGE_TEST_POSTGRES_URL'] = this.postgres.url;
    try {
      return await createTestDatabase();
    } finally {
      if (server === undefined) delete process.env['FLUXFORGE_TEST_POSTGRES_URL'];
      else process.env['FLUXFORGE_TEST_POSTGRES_URL'] = server;
    }
  }

  async stop(): Promise<void> {
    this.kafka.resume();
    this.postgres.resume();
    signalChildren(this.postgres.pid, 'SIGCONT');
    await Promise.all([this.kafka.stop(), this.postgres.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Marks the processes as children of the run, so that its launcher finds what a crash leaves behind. */
function runId(): { runId?: string } {
  const id = process.env['FLUXFORGE_RUN_ID'];
  return id ? { runId: id } : {};
}
