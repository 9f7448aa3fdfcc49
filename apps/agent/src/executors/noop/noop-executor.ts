import { type Execution, type Executor, type Job } from '../executor.js';
import { type Witness } from './witness.js';

/** Ends at once, with 0. For tests and measures: what is left is the cost of everything else. */
export class NoopExecutor implements Executor {
  readonly name = 'noop';

  constructor(private readonly witness?: Witness) {}

  problemWith(): undefined {
    return undefined;
  }

  run(job: Pick<Job, 'marks'>): Execution {
    this.witness?.(job.marks['FLUXFORGE_TASK_ID'] ?? '', job.marks['FLUXFORGE_ATTEMPT'] ?? '');
    return {
      process: undefined,
      ended: Promise.resolve({ kind: 'exited', exitCode: 0 }),
      stop: () => false,
    };
  }
}
