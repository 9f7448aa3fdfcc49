import { heldScopeTexts, modeRefusal, modeRefusalTexts } from '@fluxforge/domain/modes';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';

/**
 * Refuses what the scheduler would reject for the mode, by the scheduler's own rule and by what the directory said
 * last. The scheduler decides for good: a mode that has just changed may be seen here a moment later.
 * @throws ProblemError
 */
export function insistOnMode(directory: Directory, tenantId: string, { priority }: TaskSpec): void {
  const [held] = directory.modesOf(tenantId);
  const refusal = held && modeRefusal(held.mode, 'adhoc', priority);
  if (!refusal) return;
  const because = heldScopeTexts[held.scope];
  throw new ProblemError(refusal, `${modeRefusalTexts[refusal]} ${because} Nothing was written.`);
}
