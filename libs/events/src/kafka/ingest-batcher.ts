import { AppendError, type LogRecord, type TopicPartition } from '../log/index.js';
import { Deadline } from './deadline.js';

export interface IngestLimits {
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  /** Per partition; beyond these an append is refused at once, as surely not written. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

const DEFAULT_LIMITS: IngestLimits = {
  maxBatchRecords: 2_000,
  maxBatchBytes: 512 * 1024,
  maxWaiting: 20_000,
  maxWaitingBytes: 16 * 1024 * 1024,
};
const RECORD_OVERHEAD_BYTES = 32;

type Append = (tp: TopicPartition, records: readonly LogRecord[], timeoutMs: number) => Promise<number>;

interface Waiter {
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  readonly deadline: Deadline;
  readonly timer: NodeJS.Timeout;
  /** Once sent, running out of time no longer means that nothing was written. */
  sent: boolean;
  settled: boolean;
  resolve(base: number): void;
  reject(error: AppendError): void;
}

/**
 * Group commit for topics that many callers write at once: what arrives while a batch of the partition is
 * in flight goes into the next one. Each caller learns the offset of its own first record; what happens to
 * a batch happens to each caller in it.
 */
export class IngestBatcher {
  private readonly queues = new Map<string, PartitionQueue>();

  constructor(
    private readonly append: Append,
    private readonly limits: IngestLimits = DEFAULT_LIMITS,
  ) {}

  add(tp: TopicPartition, records: readonly LogRecord[], timeoutMs: number): Promise<number> {
    const key = `${tp.topic}/${tp.partition}`;
    let queue = this.queues.get(key);
    if (!queue) this.queues.set(key, (queue = new PartitionQueue(tp, this.append, this.limits)));
    return queue.add(records, timeoutMs);
  }

  /** What was not sent yet is refused as surely not written. */
  close(): void {
    for (const queue of this.queues.values()) queue.close();
  }
}

class PartitionQueue {
  private waiting: Waiter[] = [];
  private waitingBytes = 0;
  private sending = false;

  constructor(
    private readonly tp: TopicPartition,
    private readonly append: Append,
    private readonly limits: IngestLimits,
  ) {}

  add(records: readonly LogRecord[], timeoutMs: number): Promise<number> {
    const bytes = records.reduce((sum, record) => sum + estimateBytes(record), 0);
    if (
      this.waiting.length >= this.limits.maxWaiting ||
      this.waitingBytes + bytes > this.limits.maxWaitingBytes
    ) {
      const message = `too many appends wait for ${this.tp.topic}[${this.tp.partition}]`;
      return Promise.reject(new AppendError('not-written', message));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        records,
        bytes,
        deadline: new Deadline(timeoutMs),
        timer: setTimeout(() => this.expire(waiter), timeoutMs),
        sent: false,
        settled: false,
        resolve,
        reject,
      };
      this.waiting.push(waiter);
      this.waitingBytes += bytes;
      if (!this.sending) void this.drain();
    });
  }

  close(): void {
    for (const waiter of this.waiting) {
      settle(waiter, () => waiter.reject(new AppendError('not-written', 'the log client was closed')));
    }
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private expire(waiter: Waiter): void {
    const failure = waiter.sent ? 'unknown' : 'not-written';
    settle(waiter, () => waiter.reject(new AppendError(failure, 'the append ran out of time')));
  }

  private async drain(): Promise<void> {
    this.sending = true;
    // Whoever calls in the same turn rides in the first batch.
    await Promise.resolve();
    for (let batch = this.takeBatch(); batch.length > 0; batch = this.takeBatch()) await this.send(batch);
    this.sending = false;
  }

  private takeBatch(): Waiter[] {
    let records = 0;
    let bytes = 0;
    let taken = 0;
    const batch: Waiter[] = [];
    for (const waiter of this.waiting) {
      const full =
        records + waiter.records.length > this.limits.maxBatchRecords ||
        bytes + waiter.bytes > this.limits.maxBatchBytes;
      if (full && batch.length > 0 && !waiter.settled) break;
      taken += 1;
      this.waitingBytes -= waiter.bytes;
      if (waiter.settled) continue;
      records += waiter.records.length;
      bytes += waiter.bytes;
      batch.push(waiter);
    }
    this.waiting.splice(0, taken);
    return batch;
  }

  private async send(batch: readonly Waiter[]): Promise<void> {
    for (const waiter of batch) waiter.sent = true;
    const timeoutMs = Math.max(...batch.map((waiter) => waiter.deadline.leftMs()));
    try {
      let base = await this.append(
        this.tp,
        batch.flatMap((waiter) => waiter.records),
        timeoutMs,
      );
      for (const waiter of batch) {
        const own = base;
        settle(waiter, () => waiter.resolve(own));
        base += waiter.records.length;
      }
    } catch (cause: unknown) {
      const failure = cause instanceof AppendError ? cause.failure : 'unknown';
      const message = cause instanceof Error ? cause.message : String(cause);
      for (const waiter of batch) {
        settle(waiter, () => waiter.reject(new AppendError(failure, message, { cause })));
      }
    }
  }
}

function settle(waiter: Waiter, outcome: () => void): void {
  if (waiter.settled) return;
  waiter.settled = true;
  clearTimeout(waiter.timer);
  outcome();
}

function estimateBytes(record: LogRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const name in record.headers) bytes += name.length + record.headers[name]!.length + 4;
  return bytes;
}
