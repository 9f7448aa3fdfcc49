import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase } from '@fluxforge/testing/postgres';
import {
  startKafka,
  startPostgres,
  type RunningKafka,
  type RunningPostgres,
} from '../../../scripts/infra/index.mjs';

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
  private constructor(
    private readonly folder: string,
    private kafka: RunningKafka,
    private postgres: RunningPostgres,
  ) {}

  static async start(folder: string): Promise<OwnInfra> {
    mkdirSync(folder, { recursive: true });
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

  get kafkaNow(): RunningKafka {
    return this.kafka;
  }

  get postgresNow(): RunningPostgres {
    return this.postgres;
  }

  async restartKafka(): Promise<void> {
    const { port } = this.kafka;
    this.kafka = await startKafka({
      dataDir: join(this.folder, 'kafka'),
      port,
      heapMb: 256,
      ...runId(),
    });
  }

  async restartPostgres(): Promise<void> {
    const { port } = this.postgres;
    this.postgres = await startPostgres({ dataDir: join(this.folder, 'postgres'), port, ...runId() });
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
    await Promise.all([this.kafka.stop(), this.postgres.stop()]);
  }
}

/** Marks the processes as children of the run, so that its launcher finds what a crash leaves behind. */
function runId(): { runId?: string } {
  const id = process.env['FLUXFORGE_RUN_ID'];
  return id ? { runId: id } : {};
}
