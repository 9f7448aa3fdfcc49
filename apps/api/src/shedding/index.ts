export { HotQueues, type SeenQueue } from './hot-queues.js';
export { Lag } from './lag.js';
export { Shedding, type SheddingOptions } from './shedding.js';
export { StatePulses } from './state-pulses.js';
