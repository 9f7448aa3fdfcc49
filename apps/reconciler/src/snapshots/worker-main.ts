import { parentPort } from 'node:worker_threads';
import { reconcilerConfig } from '@fluxforge/config';
import { makeStatesContext } from '@fluxforge/domain/states-context';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { defaultSnapshotPace, runKeeperThread } from '@fluxforge/events/snapshots';
import { snapshotStores } from '@fluxforge/read-models/snapshots';
import { statesShape } from './states-snapshots.js';

// The thread that makes the snapshots of the states partitions. Its main thread has checked the configuration.
const config = reconcilerConfig();

if (!parentPort) throw new Error('this is the entry of a worker thread; run main.js');

runKeeperThread(parentPort, {
  context: makeStatesContext(),
  shape: statesShape,
  topicPrefix: config.kafka.topicPrefix,
  log: createKafkaLog({ brokers: config.kafka.brokers, clientId: 'fluxforge-reconciler-snapshots' }),
  stores: snapshotStores(config),
  pace: { ...defaultSnapshotPace, ...config.snapshots },
  nowMs: Date.now,
});
