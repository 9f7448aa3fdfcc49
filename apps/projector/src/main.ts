import { configuredOrExit, projectorConfig } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { ProjectionStore } from '@fluxforge/read-models';
import {
  createLogger,
  Metrics,
  Readiness,
  runProcess,
  startOpsServer,
  type OpsServer,
} from '@fluxforge/telemetry';
import { Projector } from './projector.js';
import { OutputSweep } from './sweep/output-sweep.js';
import { untilReachable } from './start/until-reachable.js';

const config = configuredOrExit(() => projectorConfig());
const { kafka } = config;
const logger = createLogger({ process: 'projector', level: config.logLevel, runId: config.runId });
const metrics = new Metrics('projector');
const readiness = new Readiness(['kafka', 'postgres']);
metrics.watchProcess();

const log = createKafkaLog({
  brokers: kafka.brokers,
  clientId: 'fluxforge-projector',
  onLog: (level, message, detail) => logger[level]({ detail }, message),
});
// A transaction keeps one core of Postgres busy; more side by side than this only queue there.
const store = new ProjectionStore({ url: config.postgresUrl, poolSize: 4 });
const projector = new Projector({
  log,
  store,
  topics: topicsOf(kafka.topicPrefix),
  group: `${kafka.topicPrefix}-projector`,
  logger,
  metrics,
  readiness,
});
const sweep = new OutputSweep(store, logger);
const stopping = new AbortController();
let ops: OpsServer | null = null;

runProcess({
  name: 'projector',
  logger,
  async start() {
    ops = await startOpsServer({ address: config.opsAddress, metrics, readiness });
    await untilReachable('kafka', () => log.ensureTopics(specs()), {
      readiness,
      logger,
      signal: stopping.signal,
    });
    await untilReachable('postgres', () => store.ping(), { readiness, logger, signal: stopping.signal });
    await untilReachable('kafka', () => projector.start(), { readiness, logger, signal: stopping.signal });
    sweep.start();
    return { ops: ops.address };
  },
  async stop() {
    stopping.abort();
    await projector.close();
    await sweep.close();
    await store.close();
    await log.close();
    await ops?.close();
  },
});

function specs() {
  return topicSpecs(kafka.topicPrefix, {
    partitions: kafka.partitions,
    replication: kafka.devMode ? 1 : 3,
    minInsyncReplicas: kafka.devMode ? 1 : 2,
  });
}
