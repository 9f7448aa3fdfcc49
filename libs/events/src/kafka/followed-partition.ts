import { ReadError, type RecordBatch, type TailHandlers, type TopicPartition } from '../log/index.js';
import { backoffMs } from './deadline.js';

const FIRST_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 1_000;

/** One fetch's hold on a partition, with the position that it asked for. */
export interface Claim {
  readonly partition: FollowedPartition;
  readonly from: number;
}

/**
 * One partition that a tail follows: free -> claimed by a fetch -> free, while its batches are handed over
 * one at a time. A stopped partition stays until its handler is done, so that a new start does not hand
 * over side by side with the old one. At most one batch waits behind the one that is being handled: that bounds the memory, and
 * a partition whose handler is slow simply drops out of the next fetches.
 */
export class FollowedPartition {
  private waiting?: RecordBatch;
  private handling = false;
  private claim?: Claim;
  private failures = 0;
  /** Set while a failed fetch is waited out. */
  private retry?: NodeJS.Timeout;
  private over = false;

  constructor(
    readonly tp: TopicPartition,
    private next: number,
    private readonly handlers: TailHandlers,
    private readonly events: { readonly onFree: () => void; readonly onDrained: () => void },
  ) {}

  /** Wants to be fetched now. */
  get free(): boolean {
    return !this.over && !this.claim && !this.waiting && !this.retry;
  }

  /** What a fetch that is under way finds is dropped from here on. Also takes a stopped one up again. */
  moveTo(from: number): void {
    this.reset();
    this.over = false;
    this.next = from;
    this.failures = 0;
  }

  /** Nothing more is handed over; drained as soon as no handler is at work. */
  stop(): void {
    this.reset();
    this.over = true;
    if (!this.handling) this.events.onDrained();
  }

  take(): Claim {
    this.claim = { partition: this, from: this.next };
    return this.claim;
  }

  /** Ends a claim without news; answers false when the partition has moved since. */
  release(claim: Claim): boolean {
    if (this.claim !== claim || this.over) return false;
    this.claim = undefined;
    return true;
  }

  fetched(claim: Claim, batch: RecordBatch): void {
    if (!this.release(claim)) return;
    this.failures = 0;
    if (batch.next === claim.from) return;
    this.next = batch.next;
    this.waiting = batch;
    if (!this.handling) void this.handOver();
  }

  failed(claim: Claim, error: ReadError): void {
    if (!this.release(claim)) return;
    if (error.failure !== 'unavailable') return this.end(error);
    const waitMs = backoffMs(this.failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
    this.failures += 1;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.events.onFree();
    }, waitMs);
    this.handlers.onError(this.tp, error);
  }

  private async handOver(): Promise<void> {
    this.handling = true;
    while (this.waiting && !this.over) {
      const batch = this.waiting;
      this.waiting = undefined;
      // Fetched again while the handler works, so that it seldom has to wait.
      this.events.onFree();
      try {
        await this.handlers.onBatch(this.tp, batch);
      } catch (cause: unknown) {
        // The batch was not taken, so going on would skip it.
        this.end(new ReadError('fatal', 'the batch handler failed', { cause }));
      }
    }
    this.handling = false;
    if (this.over) this.events.onDrained();
  }

  private end(error: ReadError): void {
    if (this.over) return;
    this.stop();
    this.handlers.onError(this.tp, error);
  }

  private reset(): void {
    this.claim = undefined;
    this.waiting = undefined;
    clearTimeout(this.retry);
    this.retry = undefined;
  }
}
