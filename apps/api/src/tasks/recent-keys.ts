import { ProblemError } from '../http/index.js';

const maxRemembered = 10_000;
/** Well inside the owner's window of 24 hours, so that a server never refuses what the owner would take. */
const rememberedMs = 3_600_000;

/**
 * Bodies of the keyed submissions that this server has seen accepted, so that a reuse of a key with another
 * body is refused at once. A convenience: the owner refuses it in any case. Bounded; the oldest go first.
 */
export class RecentKeys {
  private readonly seen = new Map<string, { readonly bodyHash: string; readonly untilMs: number }>();

  constructor(private readonly nowMs: () => number) {}

  /** @throws ProblemError */
  refuseOtherBody(taskId: string, bodyHash: string): void {
    const known = this.seen.get(taskId);
    if (!known || known.untilMs < this.nowMs() || known.bodyHash === bodyHash) return;
    throw new ProblemError('idempotency_key_reused', 'This Idempotency-Key names another submission.', {
      id: taskId,
    });
  }

  /** Whether this server has seen this very submission accepted. */
  knows(taskId: string, bodyHash: string): boolean {
    const known = this.seen.get(taskId);
    return known !== undefined && known.untilMs >= this.nowMs() && known.bodyHash === bodyHash;
  }

  remember(taskId: string, bodyHash: string): void {
    if (!this.seen.has(taskId)) this.rememberLatest(taskId, bodyHash);
  }

  /** For what may be changed under its id: the body that was accepted last. */
  rememberLatest(id: string, bodyHash: string): void {
    this.seen.delete(id);
    this.seen.set(id, { bodyHash, untilMs: this.nowMs() + rememberedMs });
    if (this.seen.size <= maxRemembered) return;
    const oldest = this.seen.keys().next();
    if (!oldest.done) this.seen.delete(oldest.value);
  }
}
