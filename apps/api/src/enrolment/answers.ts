import { decodeEvent, header, PoisonRecord, type RecordedEvent } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import {
  type LogPort,
  type ReadError,
  type RecordBatch,
  type StoredRecord,
  type Tail,
  type TopicPartition,
} from '@fluxforge/events/log';
import { type Logger } from '@fluxforge/telemetry';

interface Follower {
  readonly reader: JournalReader;
  following: boolean;
  waiting: number;
  idle: NodeJS.Timeout | null;
}

type Waiter = (event: RecordedEvent | null) => void;

/** Reading costs, so it stops when nobody has waited for this long; the position is kept. */
const idleMs = 30_000;
const maxWaiting = 1_000;

/**
 * Answers of owners to commands, read from the events themselves: works while the read models are away.
 * Each partition is read from its start by the reader's rule, begun at the first question about it.
 * Per partition: untouched -> following -> resting (idle, position kept) -> following; at a break in the
 * log it halts, and whoever waits runs into their deadline.
 */
export class Answers {
  private readonly followers = new Map<number, Follower>();
  private readonly waiters = new Map<string, Waiter>();
  private tail: Tail | null = null;

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly logger: Logger,
  ) {}

  get full(): boolean {
    return this.waiters.size >= maxWaiting;
  }

  /**
   * The first event that answers the command, or null when the deadline passed first. Must be called
   * before the command is appended: an answer that was passed over does not come again.
   */
  waitFor(partition: number, commandId: string, deadlineMs: number): Promise<RecordedEvent | null> {
    const follower = this.follow(partition);
    follower.waiting++;
    return new Promise((resolve) => {
      const done: Waiter = (event) => {
        clearTimeout(timer);
        this.waiters.delete(commandId);
        this.left(partition, follower);
        resolve(event);
      };
      const timer = setTimeout(() => done(null), deadlineMs);
      this.waiters.set(commandId, done);
    });
  }

  /** Nobody asks any more: the command was not written. */
  forget(commandId: string): void {
    this.waiters.get(commandId)?.(null);
  }

  async close(): Promise<void> {
    for (const waiter of [...this.waiters.values()]) waiter(null);
    for (const follower of this.followers.values()) if (follower.idle) clearTimeout(follower.idle);
    await this.tail?.close();
  }

  private follow(partition: number): Follower {
    const follower = this.followers.get(partition) ?? newFollower();
    this.followers.set(partition, follower);
    if (follower.idle) clearTimeout(follower.idle);
    follower.idle = null;
    if (!follower.following) {
      follower.following = true;
      this.openTail().follow({ topic: this.topic, partition }, follower.reader.position.next);
    }
    return follower;
  }

  private left(partition: number, follower: Follower): void {
    follower.waiting--;
    if (follower.waiting > 0 || follower.idle) return;
    follower.idle = setTimeout(() => {
      follower.idle = null;
      follower.following = false;
      this.tail?.unfollow({ topic: this.topic, partition });
    }, idleMs);
    follower.idle.unref();
  }

  private openTail(): Tail {
    this.tail ??= this.log.tail({
      onBatch: (tp, batch) => this.onBatch(tp, batch),
      onError: (tp, error) => this.onError(tp, error),
    });
    return this.tail;
  }

  private onBatch(tp: TopicPartition, batch: RecordBatch): void {
    const follower = this.followers.get(tp.partition);
    if (!follower?.following) return;
    for (const record of batch.records) {
      // A batch that was on its way when the partition was let go and taken up again comes twice.
      if (record.offset < follower.reader.position.next) continue;
      this.onRecord(tp, follower.reader, record);
    }
    follower.reader.passTo(batch.next);
  }

  private onRecord(tp: TopicPartition, reader: JournalReader, record: StoredRecord): void {
    const verdict = reader.read(record);
    if (verdict.kind === 'corrupt') {
      this.logger.error(
        { ...tp, offset: record.offset, reason: verdict.message },
        'the journal is broken here',
      );
    }
    if (verdict.kind !== 'accepted') return;
    const waiter = this.waiters.get(record.headers[header.command] ?? '');
    if (!waiter) return;
    try {
      waiter(decodeEvent(record));
    } catch (error: unknown) {
      if (!(error instanceof PoisonRecord)) throw error;
      this.logger.error({ ...tp, offset: record.offset, reason: error.message }, 'an answer cannot be read');
    }
  }

  private onError(tp: TopicPartition, error: ReadError): void {
    this.logger.error({ ...tp, err: error }, 'answers are no longer followed');
    this.followers.delete(tp.partition);
  }
}

function newFollower(): Follower {
  return { reader: new JournalReader(startOfLog), following: false, waiting: 0, idle: null };
}
