import { openCache } from '@fluxforge/cache';
import { configuredOrExit, dispatcherConfig } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import {
  cacheTold,
  createLogger,
  Metrics,
  Readiness,
  runProcess,
  startOpsServer,
  type OpsServer,
} from '@fluxforge/telemetry';
import { Dispatcher } from './dispatcher.js';
import { openTasksSnapshots } from './snapshots/tasks-snapshots.js';

const config = configuredOrExit(dispatcherConfig);
const logger = createLogger({ process: 'dispatcher', level: config.logLevel, runId: config.runId });
const metrics = new Metrics('dispatcher');
const readiness = new Readiness(['log']);
const log = createKafkaLog({
  brokers: config.kafka.brokers,
  clientId: 'fluxforge-dispatcher',
  onLog: (level, message, detail) => logger[level]({ detail }, message),
});
const snapshotThread = new URL('./snapshots/worker-main.js', import.meta.url);
const snapshots = openTasksSnapshots(config, snapshotThread, { log, logger, metrics });
const cache = openCache(config, cacheTold(metrics, logger));
const dispatcher = new Dispatcher(config, { log, logger, metrics, readiness, snapshots, cache });
let ops: OpsServer | null = null;

runProcess({
  name: 'dispatcher',
  logger,
  start: async () => {
    metrics.watchProcess();
    ops = await startOpsServer({ address: config.opsAddress, metrics, readiness });
    return { grpc: await dispatcher.start(), ops: ops.address };
  },
  stop: async () => {
    await dispatcher.stop();
    await cache?.close();
    await log.close();
    await ops?.close();
  },
});
