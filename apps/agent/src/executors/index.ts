export { type Ending, type Execution, type Executor, type Job } from './executor.js';
