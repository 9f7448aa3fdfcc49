import { type TaskSpec } from '@fluxforge/events/catalogue';
import { type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';

/** The lowest priority that is let in while degraded, as at the scheduler. */
const degradedLowest = 2;

/**
 * Refuses what the scheduler would reject for the mode, by what the directory said last. The scheduler decides
 * for good: a mode that has just changed may be seen here a moment later.
 * @throws ProblemError
 */
export function insistOnMode(directory: Directory, tenantId: string, { priority }: TaskSpec): void {
  switch (directory.modeOf(tenantId)) {
    case 'normal':
      return;
    case 'degraded':
      if (priority <= degradedLowest) return;
      throw new ProblemError('mode_degraded', `Priority ${priority} is not let in now. Nothing was written.`);
    case 'read-only':
      throw new ProblemError('mode_read_only', 'Nothing was written.');
    case 'draining':
      throw new ProblemError('mode_draining', 'Nothing was written.');
  }
}
