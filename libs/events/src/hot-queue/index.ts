export {
  partitionName,
  parseDepth,
  parsePulse,
  parseQueue,
  queueName,
  type PartitionPulse,
  type HotDepth,
  type HotQueue,
} from './hot-queue.js';
export { ledPartitions, type LedPartition } from './led.js';
export { mirrorKeepMs, pulseOf } from './pulse-of.js';
