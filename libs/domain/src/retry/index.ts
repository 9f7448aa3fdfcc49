export { backoffMs } from './backoff.js';
