import { type AgentMessageBody, type LeaseKey, type Result, leaseKeyText } from '@fluxforge/agent-protocol';
import { type Logger } from '@fluxforge/telemetry';
import { type Journal } from '../journal/index.js';
import { errorText } from '../machine/index.js';

const REPEAT_AFTER_MS = 10_000;
const MAX_REPEATS_AT_ONCE = 256;

/**
 * Results stay in the journal until the server says that they are committed there. They go up when they
 * arise, after every greeting, and again when an acknowledgement stays away.
 */
export class Reporter {
  private readonly lastSentAtMs = new Map<string, number>();

  constructor(
    private readonly journal: Journal,
    private readonly send: (body: AgentMessageBody) => void,
    private readonly log: Logger,
  ) {}

  async report(result: Result): Promise<void> {
    this.journal.append({ t: 'ended', result });
    try {
      await this.journal.commit();
    } catch (error) {
      // Full disk: it is known in memory and goes up anyway; a crash now would make it "interrupted".
      this.log.error({ error: errorText(error) }, 'journal: a result could not be written');
    }
    this.transmit(result);
  }

  /** Of a lease that was never taken: if it is lost, the server asks again. */
  sendOnce(result: Result): void {
    this.send({ $case: 'result', result });
  }

  resend(key: LeaseKey): void {
    const result = this.journal.state.held.get(leaseKeyText(key))?.result;
    if (result !== undefined) this.transmit(result);
  }

  unacknowledged(): Result[] {
    return [...this.journal.state.held.values()].flatMap(({ result }) =>
      result === undefined ? [] : [result],
    );
  }

  /** After a greeting, behind the inventory. */
  sendAll(): void {
    for (const result of this.unacknowledged()) this.transmit(result);
  }

  acknowledged(reportIds: readonly string[]): void {
    const ids = new Set(reportIds);
    for (const { key, result } of this.journal.state.held.values()) {
      if (result === undefined || !ids.has(result.reportId)) continue;
      this.journal.append({ t: 'acknowledged', key });
      this.lastSentAtMs.delete(result.reportId);
    }
    this.journal.commit().catch((error: unknown) => {
      this.log.error({ error: errorText(error) }, 'journal: an acknowledgement could not be written');
    });
  }

  repeatOverdue(): void {
    const dueBeforeMs = performance.now() - REPEAT_AFTER_MS;
    const overdue = this.unacknowledged().filter(
      ({ reportId }) => (this.lastSentAtMs.get(reportId) ?? 0) < dueBeforeMs,
    );
    for (const result of overdue.slice(0, MAX_REPEATS_AT_ONCE)) this.transmit(result);
  }

  private transmit(result: Result): void {
    this.lastSentAtMs.set(result.reportId, performance.now());
    this.send({ $case: 'result', result });
  }
}
