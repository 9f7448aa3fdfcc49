import { type Lease, type LeaseKey } from '@fluxforge/agent-protocol';
import { type Execution } from '../executors/index.js';
import { fenceGraceMs, fenceMarginMs } from './timing.js';
import { type StopCause } from './results.js';

/** setTimeout fires at once beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One accepted lease on its way:
 *   waiting (journal, or an older attempt that is being stopped) -> running -> over
 * A stop may come in either state; the first cause is the one that is reported.
 */
export class LeaseRun {
  cause: StopCause | undefined;
  detail = '';
  /** Resolves when nothing of this attempt runs any more. */
  readonly over: Promise<void>;
  private markOver!: () => void;
  private execution: Execution | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly lease: Lease & { key: LeaseKey },
    public deadlineMs: number,
    private readonly graceMs: number,
  ) {
    this.over = new Promise((resolve) => {
      this.markOver = resolve;
    });
  }

  attach(execution: Execution): void {
    this.execution = execution;
    const { timeoutMs } = this.lease;
    if (timeoutMs <= 0 || timeoutMs > MAX_TIMER_MS) return;
    this.timer = setTimeout(() => this.stop('timeout', `ran longer than ${timeoutMs} ms`), timeoutMs);
  }

  stop(cause: StopCause, detail: string, graceMs = this.graceMs): void {
    if (this.execution?.stop(graceMs) === false || this.cause !== undefined) return;
    this.cause = cause;
    this.detail = detail;
  }

  extend(deadlineMs: number): void {
    this.deadlineMs = Math.max(this.deadlineMs, deadlineMs);
  }

  isOutOfTime(nowMs: number): boolean {
    return nowMs >= this.deadlineMs - fenceMarginMs(this.lease.durationMs);
  }

  /** Stops it before the server may give the task to another. */
  fence(nowMs: number): void {
    if (!this.isOutOfTime(nowMs)) return;
    const graceMs = fenceGraceMs(this.deadlineMs - nowMs, this.graceMs);
    this.stop('lease_expired', 'the lease was not granted anew in time', graceMs);
  }

  finish(): void {
    clearTimeout(this.timer);
    this.markOver();
  }
}
