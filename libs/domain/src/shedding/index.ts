export { Backlog } from './backlog.js';
export { isRelief, reliefShares } from './relief.js';
