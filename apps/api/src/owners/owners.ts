import { askOwner, OwnerDidNotAnswer, type Question } from '@fluxforge/events/owner-questions';
import { type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';

const presentTimeoutMs = 3_000;
/** A fold of the past waits eight seconds for its turn at most, and takes as long itself. */
const slowTimeoutMs = 20_000;
const busyRetryAfterS = 2;
/** A partition that has just moved: the directory hears of the new owner a moment later. */
const againAfterMs = 300;

/** Asks the owner of a tenant's partition, who alone has the state that decisions are made from. */
export class Owners {
  constructor(
    private readonly directory: Directory,
    private readonly signingKey: string,
  ) {}

  async ask(context: 'tasks' | 'states', question: Question): Promise<unknown> {
    // Who reads a log for it needs its time, and sets its own bound below this one; a simulation has a fifth of a thread.
    const isSlow = 'as_of_ms' in question || question.kind === 'simulate';
    const timeoutMs = isSlow ? slowTimeoutMs : presentTimeoutMs;
    for (let tries = 1; ; tries++) {
      const address = this.directory.questionsOf(context, question.tenant_id);
      try {
        if (address === null) throw new OwnerDidNotAnswer('unreachable');
        return await askOwner({ address, signingKey: this.signingKey, timeoutMs }, question);
      } catch (error: unknown) {
        if (!(error instanceof OwnerDidNotAnswer)) throw error;
        if (error.why === 'too_large')
          throw new ProblemError('body_too_large', 'With all defaults filled in it is larger than 1 MiB.');
        if (error.why === 'busy') throw busy();
        if (tries >= 2 || error.why === 'refused')
          throw new ProblemError('owner_unavailable', 'It did not answer; ask again.');
        await new Promise((resolve) => setTimeout(resolve, againAfterMs));
      }
    }
  }
}

function busy(): ProblemError {
  const detail = 'Too many questions are asked of the owner of the partition; ask again.';
  return new ProblemError('overloaded', detail, {}, { retryAfterS: busyRetryAfterS });
}
