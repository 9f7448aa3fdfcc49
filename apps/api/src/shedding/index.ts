export { Backlog } from './backlog.js';
export { HotQueues, type SeenQueue } from './hot-queues.js';
export { Shedding, type SheddingOptions } from './shedding.js';
