export { runSeed, type SeedResult } from './run-seed.js';
export { Counters, sometimes, type Sometimes } from './counters.js';
