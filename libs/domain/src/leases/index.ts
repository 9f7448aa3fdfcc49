export { decideLeaseOver, leaseOverMs } from './expiry.js';
export { compareInventory, type Comparison } from './inventory.js';
export { decideNotHeld, decideResult, decideStarted, leaseNamed } from './reports.js';
