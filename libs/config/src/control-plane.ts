import { EnvReader, type Environment, type HostPort } from './env.js';
import { brakeConfig, breakersConfig, type BrakeConfig, type BreakersConfig } from './quarantine.js';

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly partitions: number;
  /** Allows replication 1, for one machine. */
  readonly devMode: boolean;
}

/** What every process of the control plane knows of itself. */
export interface CommonConfig {
  readonly kafka: KafkaConfig;
  readonly logLevel: LogLevel;
  /** Only marks the process among others on the machine, so that a launcher finds its children again. */
  readonly runId: string | null;
  readonly dataDir: string;
}

/** How often the owners of partitions have their state written down. */
export interface SnapshotConfig {
  readonly everyRecords: number;
  readonly everyMs: number;
  /** For the older snapshots of one partition in one store. */
  readonly historyBytes: number;
}

export interface ApiConfig extends CommonConfig {
  readonly postgresUrl: string;
  readonly httpAddress: HostPort;
  /** Name of the tenant whose admins may change the mode of the cluster; null: nobody may. */
  readonly operatorTenant: string | null;
  /** Null: no cache is shared, and every server limits for itself. */
  readonly redisUrl: string | null;
  /** How many API servers there are: without the cache each applies its share of a rate. */
  readonly apiServers: number;
  /** Commands of a partition that may wait before the tenants with most of them are held back. */
  readonly maxLagRecords: number;
  /** Writes that are worked on at once; beyond them tenants take turns. */
  readonly writesAtOnce: number;
  /** Where agents send output. */
  readonly grpcAddress: HostPort;
  /** Where users' gRPC is served; null: REST alone. */
  readonly usersGrpcAddress: HostPort | null;
  readonly signingKey: string;
}

export interface DispatcherConfig extends CommonConfig {
  /** Null: snapshots stay on the local disk. */
  readonly postgresUrl: string | null;
  readonly grpcAddress: HostPort;
  /** Where agents reach this process, when that is not the address it listens on. */
  readonly advertisedAddress: string | null;
  readonly opsAddress: HostPort;
  /** Where API servers ask for explanations, and what they are told if that is another address. */
  readonly questionsAddress: HostPort;
  readonly advertisedQuestionsAddress: string | null;
  readonly signingKey: string;
  readonly snapshots: SnapshotConfig;
  /** Null: queues are not mirrored. */
  readonly redisUrl: string | null;
  readonly brake: BrakeConfig;
  readonly breakers: BreakersConfig;
}

export interface ReconcilerConfig extends CommonConfig {
  readonly postgresUrl: string | null;
  readonly opsAddress: HostPort;
  readonly questionsAddress: HostPort;
  readonly advertisedQuestionsAddress: string | null;
  readonly signingKey: string;
  readonly snapshots: SnapshotConfig;
  /** Null: how far it has come is told only when asked. */
  readonly redisUrl: string | null;
}

export interface ProjectorConfig extends CommonConfig {
  readonly postgresUrl: string;
  readonly opsAddress: HostPort;
}

export interface MigrateConfig {
  readonly postgresUrl: string;
  readonly logLevel: LogLevel;
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const postgres = ['postgres:', 'postgresql:'];
const redis = ['redis:', 'rediss:'];

export function apiConfig(env: Environment = process.env): ApiConfig {
  return EnvReader.parse(env, (e) => ({
    ...common(e),
    postgresUrl: e.url('FLUXFORGE_POSTGRES_URL', postgres),
    operatorTenant: e.optional('FLUXFORGE_OPERATOR_TENANT'),
    redisUrl: e.optionalUrl('FLUXFORGE_REDIS_URL', redis),
    apiServers: e.integer('FLUXFORGE_API_SERVERS', { min: 1, max: 1_000, fallback: 1 }),
    maxLagRecords: e.integer('FLUXFORGE_MAX_LAG_RECORDS', { min: 1, max: 10_000_000, fallback: 20_000 }),
    writesAtOnce: e.integer('FLUXFORGE_API_WRITES_AT_ONCE', { min: 1, max: 100_000, fallback: 64 }),
    httpAddress: e.address('FLUXFORGE_API_HTTP_ADDRESS', '127.0.0.1:7070'),
    grpcAddress: e.address('FLUXFORGE_API_GRPC_ADDRESS', '127.0.0.1:7071'),
    usersGrpcAddress: e.optionalAddress('FLUXFORGE_API_USERS_GRPC_ADDRESS'),
    signingKey: signingKey(e),
  }));
}

export function dispatcherConfig(env: Environment = process.env): DispatcherConfig {
  return EnvReader.parse(env, (e) => ({
    ...common(e),
    postgresUrl: e.optionalUrl('FLUXFORGE_POSTGRES_URL', postgres),
    grpcAddress: e.address('FLUXFORGE_DISPATCHER_GRPC_ADDRESS', '127.0.0.1:7072'),
    advertisedAddress: e.optional('FLUXFORGE_DISPATCHER_ADVERTISED_ADDRESS'),
    opsAddress: opsAddress(e),
    ...questions(e),
    signingKey: signingKey(e),
    snapshots: snapshots(e),
    redisUrl: e.optionalUrl('FLUXFORGE_REDIS_URL', redis),
    brake: brakeConfig(e),
    breakers: breakersConfig(e),
  }));
}

export function reconcilerConfig(env: Environment = process.env): ReconcilerConfig {
  return EnvReader.parse(env, (e) => ({
    ...common(e),
    postgresUrl: e.optionalUrl('FLUXFORGE_POSTGRES_URL', postgres),
    opsAddress: opsAddress(e),
    ...questions(e),
    signingKey: signingKey(e),
    snapshots: snapshots(e),
    redisUrl: e.optionalUrl('FLUXFORGE_REDIS_URL', redis),
  }));
}

export function projectorConfig(env: Environment = process.env): ProjectorConfig {
  return EnvReader.parse(env, (e) => ({
    ...common(e),
    postgresUrl: e.url('FLUXFORGE_POSTGRES_URL', postgres),
    opsAddress: opsAddress(e),
  }));
}

export function migrateConfig(env: Environment = process.env): MigrateConfig {
  return EnvReader.parse(env, (e) => ({
    postgresUrl: e.url('FLUXFORGE_POSTGRES_URL', postgres),
    logLevel: logLevel(e),
  }));
}

/** For entry points that only speak to Kafka (creating topics and the first tenant). */
export function commonConfig(env: Environment = process.env): CommonConfig {
  return EnvReader.parse(env, common);
}

function questions(e: EnvReader) {
  return {
    questionsAddress: e.address('FLUXFORGE_QUESTIONS_ADDRESS', '127.0.0.1:0'),
    advertisedQuestionsAddress: e.optional('FLUXFORGE_QUESTIONS_ADVERTISED_ADDRESS'),
  };
}

function common(e: EnvReader): CommonConfig {
  return {
    kafka: {
      brokers: e.addresses('FLUXFORGE_KAFKA_BROKERS'),
      topicPrefix: e.matching(
        'FLUXFORGE_TOPIC_PREFIX',
        /^[A-Za-z0-9._-]{1,100}$/,
        'letters, digits, dots, dashes and underscores, at most 100',
        'fluxforge',
      ),
      partitions: e.integer('FLUXFORGE_PARTITIONS', { min: 1, max: 1024, fallback: 32 }),
      devMode: e.flag('FLUXFORGE_DEV_MODE', false),
    },
    logLevel: logLevel(e),
    runId: e.optional('FLUXFORGE_RUN_ID'),
    dataDir: e.text('FLUXFORGE_DATA_DIR', '.data'),
  };
}

function logLevel(e: EnvReader): LogLevel {
  return e.oneOf('FLUXFORGE_LOG_LEVEL', logLevels, 'info');
}

function opsAddress(e: EnvReader): HostPort {
  return e.address('FLUXFORGE_OPS_ADDRESS', '127.0.0.1:0');
}

const mib = 1024 * 1024;

function snapshots(e: EnvReader): SnapshotConfig {
  return {
    everyRecords: e.integer('FLUXFORGE_SNAPSHOT_RECORDS', { min: 1, max: 10_000_000, fallback: 50_000 }),
    everyMs: e.integer('FLUXFORGE_SNAPSHOT_INTERVAL_MS', { min: 100, max: 86_400_000, fallback: 300_000 }),
    historyBytes:
      mib * e.integer('FLUXFORGE_SNAPSHOT_HISTORY_MIB', { min: 0, max: 1_048_576, fallback: 512 }),
  };
}

/** Signs the leases that agents show with their output; the dispatcher and the API share it. */
function signingKey(e: EnvReader): string {
  return e.secret('FLUXFORGE_SIGNING_KEY', 32);
}
