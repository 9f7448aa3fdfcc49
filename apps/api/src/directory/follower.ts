import { DirectoryEntry, type DirectoryEntry as Entry } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody, PoisonRecord } from '@fluxforge/events/envelope';
import {
  type LogPort,
  type PartitionOffsets,
  type ReadError,
  type RecordBatch,
  type StoredRecord,
  type Tail,
  type TopicPartition,
} from '@fluxforge/events/log';
import { type Logger } from '@fluxforge/telemetry';
import { type Directory } from './directory.js';

/** Each try takes as long as the log gives it. */
const newTopicPatienceMs = 30_000;

/**
 * Follows the whole directory topic. Per partition: loading -> current (came to the end that was there when
 * the follower started) -> current for ever, stale while the log is away. `loaded` settles when all are current.
 */
export class DirectoryFollower {
  readonly loaded: Promise<void>;
  private readonly waitingFor = new Map<number, number>();
  private readonly watchers = new Set<() => void>();
  private resolveLoaded: () => void = () => {};
  private tail: Tail | null = null;

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly directory: Directory,
    private readonly logger: Logger,
  ) {
    this.loaded = new Promise((resolve) => (this.resolveLoaded = resolve));
  }

  /** Compacted, so read from its low end, which moves. @throws ReadError when the log cannot be reached. */
  async start(partitions: number): Promise<void> {
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic: this.topic, partition }));
    const offsets = await Promise.all(all.map((tp) => this.offsetsOf(tp)));
    this.tail = this.log.tail({
      onBatch: (tp, batch) => this.onBatch(tp, batch),
      onError: (tp, error) => this.onError(tp, error),
    });
    for (const [partition, { low, end }] of offsets.entries()) {
      if (end > low) this.waitingFor.set(partition, end);
      this.tail.follow({ topic: this.topic, partition }, low);
    }
    this.settle();
  }

  /** Calls back after each batch of entries; answers what stops it. */
  watch(onChange: () => void): () => void {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  }

  async close(): Promise<void> {
    await this.tail?.close();
  }

  /** A topic that was just made has partitions whose leaders do not answer yet. */
  private async offsetsOf(tp: TopicPartition): Promise<PartitionOffsets> {
    const untilMs = performance.now() + newTopicPatienceMs;
    for (;;) {
      try {
        return await this.log.offsets(tp);
      } catch (error: unknown) {
        if ((error as ReadError).failure !== 'unavailable' || performance.now() > untilMs) throw error;
      }
    }
  }

  private onBatch(tp: TopicPartition, batch: RecordBatch): void {
    for (const record of batch.records) this.onRecord(tp, record);
    const wanted = this.waitingFor.get(tp.partition);
    if (wanted !== undefined && batch.next >= wanted) this.waitingFor.delete(tp.partition);
    this.settle();
    for (const watcher of this.watchers) watcher();
  }

  private onRecord(tp: TopicPartition, record: StoredRecord): void {
    // Nothing is ever taken back from the directory: revoking a key is an entry. A tombstone says nothing.
    if (record.value === null) return;
    try {
      this.directory.apply(entryOf(record));
    } catch (error: unknown) {
      if (!(error instanceof PoisonRecord)) throw error;
      this.logger.error(
        { ...tp, offset: record.offset, reason: error.message },
        'unreadable directory entry',
      );
    }
  }

  private onError(tp: TopicPartition, error: ReadError): void {
    if (error.failure !== 'out-of-range') {
      this.logger.error({ ...tp, err: error }, 'the directory is no longer followed');
      return;
    }
    // Compaction or a new topic moved the low end past us: read what is there, whole.
    this.log.offsets(tp).then(
      ({ low }) => this.tail?.follow(tp, low),
      (failure: unknown) => this.logger.error({ ...tp, err: failure }, 'the directory is no longer followed'),
    );
  }

  private settle(): void {
    if (this.waitingFor.size === 0) this.resolveLoaded();
  }
}

/** @throws PoisonRecord */
function entryOf(record: StoredRecord): Entry {
  const body = parseBody(record.value);
  if (!checkerOf(DirectoryEntry).Check(body)) throw new PoisonRecord('it does not fit the schema');
  return body;
}
