export { allowance } from './budget.js';
export { canonicalText } from './canonical.js';
export { clamp } from './clamp.js';
export { accepted, decided, rejected } from './decided.js';
export { drawFraction, hash32, hashHex } from './draw.js';
export { Fifo } from './fifo.js';
export { matchesSelector, mergeLabels, sameLabels, selectorText } from './labels.js';
export { PriorityQueue } from './priority-queue.js';
export { SeatedHeap } from './seated-heap.js';
