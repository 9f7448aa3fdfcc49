import { type Execution, type Executor } from '../executor.js';

/** Ends at once, with 0. For tests and measures: what is left is the cost of everything else. */
export class NoopExecutor implements Executor {
  readonly name = 'noop';

  problemWith(): undefined {
    return undefined;
  }

  run(): Execution {
    return {
      process: undefined,
      ended: Promise.resolve({ kind: 'exited', exitCode: 0 }),
      stop: () => false,
    };
  }
}
