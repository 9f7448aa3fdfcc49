import { modeRefusal, type ModeRefusal } from '@fluxforge/domain/modes';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';

/**
 * Refuses what the scheduler would reject for the mode, by the scheduler's own rule and by what the directory said
 * last. The scheduler decides for good: a mode that has just changed may be seen here a moment later.
 * @throws ProblemError
 */
export function insistOnMode(directory: Directory, tenantId: string, { priority }: TaskSpec): void {
  const refusal = modeRefusal(directory.modeOf(tenantId), 'adhoc', priority);
  if (refusal) throw new ProblemError(refusal, `${said[refusal]} Nothing was written.`);
}

const said: Readonly<Record<ModeRefusal, string>> = {
  mode_degraded: 'Only tasks of the priorities 0 to 2 are let in now.',
  mode_read_only: 'No new tasks are let in now.',
  mode_draining: 'No new tasks are let in now: what is queued or runs comes to its end first.',
};
