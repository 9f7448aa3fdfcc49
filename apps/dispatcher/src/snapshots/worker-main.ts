import { parentPort } from 'node:worker_threads';
import { dispatcherConfig } from '@fluxforge/config';
import { makeTasksContext } from '@fluxforge/domain/tasks-context';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { defaultSnapshotPace, runKeeperThread } from '@fluxforge/events/snapshots';
import { snapshotStores } from '@fluxforge/read-models/snapshots';
import { tasksPolicyOf } from '../tasks-policy.js';
import { tasksShape } from './tasks-snapshots.js';

// The thread that makes the snapshots of the tasks partitions. Its main thread has checked the configuration.
const config = dispatcherConfig();

if (!parentPort) throw new Error('this is the entry of a worker thread; run main.js');

runKeeperThread(parentPort, {
  context: makeTasksContext(tasksPolicyOf(config)),
  shape: tasksShape,
  topicPrefix: config.kafka.topicPrefix,
  log: createKafkaLog({ brokers: config.kafka.brokers, clientId: 'fluxforge-dispatcher-snapshots' }),
  stores: snapshotStores(config),
  pace: { ...defaultSnapshotPace, ...config.snapshots },
  nowMs: Date.now,
});
