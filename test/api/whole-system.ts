import { randomUUID } from 'node:crypto';
import { apiConfig, dispatcherConfig, reconcilerConfig } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { type LogPort } from '@fluxforge/events/log';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { migrate, openReadModels, ProjectionStore } from '@fluxforge/read-models';
import { createLogger, Metrics, Readiness } from '@fluxforge/telemetry';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { createTestDatabase } from '@fluxforge/testing/postgres';
import { freePort } from '../../apps/api/src/testing/rpc-client.js';
import { bootstrap } from '../../apps/api/src/bootstrap/index.js';
import { assemble } from '../../apps/api/src/parts.js';
import { ApiProcess } from '../../apps/api/src/process.js';
import { Dispatcher } from '../../apps/dispatcher/src/dispatcher.js';
import { Projector } from '../../apps/projector/src/projector.js';
import { Reconciler } from '../../apps/reconciler/src/reconciler.js';

const logger = createLogger({ process: 'spec', level: 'silent' });
const partitions = 2;

/** The control plane in this process on real Kafka and Postgres; the API alone is behind proxies that can break. */
export interface WholeSystem {
  readonly url: string;
  /** Of gRPC for users. */
  readonly grpcAddress: string;
  readonly kafka: FaultProxy;
  readonly postgres: FaultProxy;
  /** A new tenant's admin key. */
  tenant(name: string): Promise<string>;
  close(): Promise<void>;
}

export async function startWholeSystem(): Promise<WholeSystem> {
  const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
  if (!brokers) throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS is not set; run this spec through `npm test`');
  const [host = '', port] = (brokers.split(',')[0] ?? '').split(':');
  const prefix = `api-spec-${randomUUID().slice(0, 8)}`;
  const database = await createTestDatabase();
  await migrate({ url: database.url });
  const kafka = await FaultProxy.start({ host, port: Number(port) });
  const at = new URL(database.url);
  const postgres = await FaultProxy.start({ host: at.hostname, port: Number(at.port) });
  at.host = `${postgres.address.host}:${postgres.address.port}`;

  const log = createKafkaLog({ brokers: [brokers], clientId: `${prefix}-owners` });
  await log.ensureTopics(topicSpecs(prefix, { partitions, replication: 1, minInsyncReplicas: 1 }));
  const grpcAddress = `127.0.0.1:${await freePort()}`;
  const env = {
    FLUXFORGE_KAFKA_BROKERS: brokers,
    FLUXFORGE_TOPIC_PREFIX: prefix,
    FLUXFORGE_PARTITIONS: String(partitions),
    FLUXFORGE_DEV_MODE: 'true',
    FLUXFORGE_POSTGRES_URL: at.toString(),
    FLUXFORGE_SIGNING_KEY: 'k'.repeat(32),
    FLUXFORGE_API_HTTP_ADDRESS: '127.0.0.1:0',
    FLUXFORGE_API_GRPC_ADDRESS: '127.0.0.1:0',
    FLUXFORGE_API_USERS_GRPC_ADDRESS: grpcAddress,
    FLUXFORGE_DISPATCHER_GRPC_ADDRESS: '127.0.0.1:0',
  };
  const tools = () => ({ log, logger, metrics: new Metrics('spec'), readiness: new Readiness([]) });
  const dispatcher = new Dispatcher(dispatcherConfig(env), tools());
  const reconciler = new Reconciler(reconcilerConfig(env), tools());
  const store = new ProjectionStore({ url: database.url, poolSize: 4 });
  const projector = new Projector({
    ...tools(),
    store,
    topics: topicsOf(prefix),
    group: `${prefix}-projector`,
  });
  await Promise.all([dispatcher.start(), reconciler.start(), projector.start()]);
  const admin = await adminOf(log, prefix);
  const api = new ApiProcess(apiConfig(env), {
    log: createKafkaLog({
      brokers: [brokers],
      clientId: `${prefix}-api`,
      resolveBroker: () => kafka.address,
    }),
    models: openReadModels({ url: at.toString(), connectTimeoutMs: 1_000, statementTimeoutMs: 2_000 }),
    logger,
    metrics: new Metrics('api'),
  });
  const { http } = await api.start();
  return {
    url: `http://${String(http)}`,
    grpcAddress,
    kafka,
    postgres,
    tenant: admin.tenant,
    close: async () => {
      await Promise.all([kafka.heal(), postgres.heal()]);
      await api.stop();
      await admin.close();
      await Promise.all([dispatcher.stop(), reconciler.stop(), projector.close()]);
      await store.close();
      await log.close();
      await Promise.all([kafka.close(), postgres.close()]);
      await database.drop();
    },
  };
}

async function adminOf(log: LogPort, topicPrefix: string) {
  const parts = assemble({
    log,
    models: openReadModels({ url: 'postgres://nobody@127.0.0.1:1/none' }),
    topicPrefix,
    partitions,
    logger,
    metrics: new Metrics('bootstrap'),
    nowMs: Date.now,
    writeTimeoutMs: 5_000,
    signingKey: 'k'.repeat(32),
    answerDeadlineMs: 5_000,
    apiServers: 1,
    maxLagRecords: 20_000,
    writesAtOnce: 64,
  });
  await parts.follower.start(partitions);
  await parts.follower.loaded;
  return {
    tenant: async (name: string) => {
      const { api_key: key } = await bootstrap(name, parts, 30_000);
      if (key === null) throw new Error(`tenant ${name} was there already`);
      return key;
    },
    close: () => parts.follower.close(),
  };
}
