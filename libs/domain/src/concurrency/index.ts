export { ConcurrencyKeys, takesTurns, type KeyTurns } from './concurrency-keys.js';
