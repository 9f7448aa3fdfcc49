import { askOwner, OwnerDidNotAnswer, type Question } from '@fluxforge/events/owner-questions';
import { type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';

const timeoutMs = 3_000;
/** A partition that has just moved: the directory hears of the new owner a moment later. */
const againAfterMs = 300;

/** Asks the owner of a tenant's partition, who alone has the state that decisions are made from. */
export class Owners {
  constructor(
    private readonly directory: Directory,
    private readonly signingKey: string,
  ) {}

  async ask(context: 'tasks' | 'states', question: Question): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const address = this.directory.questionsOf(context, question.tenant_id);
      try {
        if (address === null) throw new OwnerDidNotAnswer('unreachable');
        return await askOwner({ address, signingKey: this.signingKey, timeoutMs }, question);
      } catch (error: unknown) {
        if (!(error instanceof OwnerDidNotAnswer)) throw error;
        if (tries >= 2 || error.why === 'refused')
          throw new ProblemError('owner_unavailable', 'It did not answer; ask again.');
        await new Promise((resolve) => setTimeout(resolve, againAfterMs));
      }
    }
  }
}
