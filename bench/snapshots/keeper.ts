import { parentPort } from 'node:worker_threads';
import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { defaultSnapshotPace, DiskSnapshots, runKeeperThread } from '@fluxforge/events/snapshots';
import { shape, topicPrefix } from '../takeover/takeovers.js';

// The dispatcher's thread of snapshots, at a pace of its own: one after the other, without a rest between them.
if (!parentPort) throw new Error('this is the entry of a worker thread; run main.js');

runKeeperThread(parentPort, {
  context: makeTasksContext(defaultTasksPolicy),
  shape,
  topicPrefix,
  log: createKafkaLog({ brokers: [process.env['BENCH_BROKERS'] ?? ''], clientId: 'bench-snapshots' }),
  stores: [new DiskSnapshots(process.env['BENCH_DATA_DIR'] ?? '')],
  pace: { ...defaultSnapshotPace, pollMs: 50, everyMs: 0, restFactor: 0 },
  nowMs: Date.now,
});
