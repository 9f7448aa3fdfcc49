import { DataSource } from 'typeorm';
import { AgentEntity } from '../agents/entity.js';
import { CommandEntity } from '../commands/entity.js';
import { EventEntity } from '../events/entity.js';
import { AgentLoadEntity } from '../last-seen/entity.js';
import { FirstViews1700000000000 } from '../migrations/1700000000000-first-views.js';
import { OutputByAge1700000000001 } from '../migrations/1700000000001-output-by-age.js';
import { SchedulesAndFanouts1700000000002 } from '../migrations/1700000000002-schedules-and-fanouts.js';
import { CapacityAndBatches1700000000003 } from '../migrations/1700000000003-capacity-and-batches.js';
import { FanoutProgress1700000000004 } from '../migrations/1700000000004-fanout-progress.js';
import { SnapshotHistory1700000000005 } from '../migrations/1700000000005-snapshot-history.js';
import { FanoutEntity } from '../fanouts/entity.js';
import { FanoutProgressEntity } from '../fanouts/progress-entity.js';
import { ScheduleEntity } from '../schedules/entity.js';
import { OutputEntity } from '../output/entity.js';
import { PositionEntity } from '../positions/entity.js';
import { SnapshotEntity } from '../snapshots/entity.js';
import { StateEntity } from '../states/entity.js';
import { TargetEntity } from '../targets/entity.js';
import { AttemptEntity, TaskEntity } from '../tasks/entity.js';
import { ApiKeyEntity, TenantEntity } from '../tenants/entity.js';

export interface DataSourceOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Where the tables are, when not where the server says (`public`, usually). */
  readonly schema?: string | null;
}

/** As a setting of the connection; the name is one of ours and needs no quotes. */
export function searchPath(schema: string): string {
  if (!/^[a-z_]+$/.test(schema)) throw new Error(`${schema} is no name for a schema here`);
  return `-c search_path=${schema}`;
}

export function dataSourceOf(options: DataSourceOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    poolSize: options.poolSize,
    connectTimeoutMS: options.connectTimeoutMs,
    applicationName: 'fluxforge-read-models',
    extra: {
      statement_timeout: options.statementTimeoutMs,
      // The server may be gone without a word, and then nobody enforces its own timeout.
      query_timeout: options.statementTimeoutMs + 1_000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      ...(options.schema ? { options: searchPath(options.schema) } : {}),
    },
    entities: [
      TenantEntity,
      ApiKeyEntity,
      AgentEntity,
      AgentLoadEntity,
      TaskEntity,
      AttemptEntity,
      StateEntity,
      TargetEntity,
      ScheduleEntity,
      FanoutEntity,
      FanoutProgressEntity,
      CommandEntity,
      EventEntity,
      OutputEntity,
      PositionEntity,
      SnapshotEntity,
    ],
    migrations: [
      FirstViews1700000000000,
      OutputByAge1700000000001,
      SchedulesAndFanouts1700000000002,
      CapacityAndBatches1700000000003,
      FanoutProgress1700000000004,
      SnapshotHistory1700000000005,
    ],
    migrationsTableName: 'migrations',
    installExtensions: false,
    synchronize: false,
    logging: false,
  });
}
