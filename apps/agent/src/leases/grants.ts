import { type LeaseKey } from '@fluxforge/agent-protocol';

interface Answer {
  nonce: number;
  sentAtMs: number;
  keys: readonly LeaseKey[];
}

export type GrantVerdict =
  | { kind: 'extend'; keys: readonly LeaseKey[]; deadlineMs: number }
  | { kind: 'unknown_nonce' }
  | { kind: 'too_late' };

const REMEMBERED = 64;

/**
 * When a lease is counted from. The agent does not know how long a message was under way, but it knows
 * when it sent the answer that a grant replies to, and the server granted after that. So it counts from
 * there, and its time always runs out first. New leases count from the latest granted answer (or from
 * the inventory): the stream keeps order, so the server pushed them later still.
 */
export class Grants {
  private answers: Answer[] = [];
  private baseMs = 0;

  /** A new greeting on a stream: nonces of before mean nothing any more. */
  begin(inventorySentAtMs: number): void {
    this.answers = [];
    this.baseMs = inventorySentAtMs;
  }

  answered(nonce: number, sentAtMs: number, keys: readonly LeaseKey[]): void {
    this.answers.push({ nonce, sentAtMs, keys });
    if (this.answers.length > REMEMBERED) this.answers.shift();
  }

  granted(nonce: number, durationMs: number, nowMs: number): GrantVerdict {
    const answer = this.answers.find((one) => one.nonce === nonce);
    if (answer === undefined) return { kind: 'unknown_nonce' };
    if (nowMs - answer.sentAtMs >= durationMs) return { kind: 'too_late' };
    this.baseMs = Math.max(this.baseMs, answer.sentAtMs);
    return { kind: 'extend', keys: answer.keys, deadlineMs: answer.sentAtMs + durationMs };
  }

  deadlineOfNewLease(durationMs: number): number {
    return this.baseMs + durationMs;
  }
}
