export { NoopExecutor } from './noop-executor.js';
export { type Witness, witnessIn } from './witness.js';
