export { HotQueueMirror, type MirrorOptions } from './mirror.js';
export { ledPartitions, pulseOf, type LedPartition } from './led.js';
