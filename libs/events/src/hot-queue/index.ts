export {
  partitionName,
  parsePulse,
  parseQueue,
  queueName,
  type PartitionPulse,
  type HotQueue,
} from './hot-queue.js';
