export { NoopExecutor } from './noop-executor.js';
