export { ConcurrencyKeys, type KeyTurns } from './concurrency-keys.js';
