import { openCache } from '@fluxforge/cache';
import { configuredOrExit, reconcilerConfig } from '@fluxforge/config';
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
import { Reconciler } from './reconciler.js';
import { openStatesSnapshots } from './snapshots/states-snapshots.js';

const config = configuredOrExit(reconcilerConfig);
const logger = createLogger({ process: 'reconciler', level: config.logLevel, runId: config.runId });
const metrics = new Metrics('reconciler');
const readiness = new Readiness(['log']);
const log = createKafkaLog({
  brokers: config.kafka.brokers,
  clientId: 'fluxforge-reconciler',
  onLog: (level, message, detail) => logger[level]({ detail }, message),
});
const snapshotThread = new URL('./snapshots/worker-main.js', import.meta.url);
const snapshots = openStatesSnapshots(config, snapshotThread, { log, logger, metrics });
const cache = openCache(config, cacheTold(metrics, logger));
const reconciler = new Reconciler(config, { log, logger, metrics, readiness, snapshots, cache });
let ops: OpsServer | null = null;

runProcess({
  name: 'reconciler',
  logger,
  start: async () => {
    metrics.watchProcess();
    ops = await startOpsServer({ address: config.opsAddress, metrics, readiness });
    await reconciler.start();
    return { ops: ops.address };
  },
  stop: async () => {
    await reconciler.stop();
    await cache?.close();
    await log.close();
    await ops?.close();
  },
});
