export { HotQueueMirror, type MirrorOptions } from './mirror.js';
export { ledPartitions, type LedPartition } from './led.js';
