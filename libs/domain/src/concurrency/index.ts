export { ConcurrencyKeys } from './concurrency-keys.js';
