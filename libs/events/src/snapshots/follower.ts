import { type EventBody } from '@fluxforge/events/catalogue';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { ForeignMismatch, PartitionFold } from './partition-fold.js';

export interface FollowedTopics {
  readonly own: TopicPartition;
  readonly foreign: TopicPartition;
}

const readMaxBytes = 4 * 1024 * 1024;
const readTimeoutMs = 5_000;

/** Reads one partition for its fold, in ranges, over a log connection that no owner waits for. */
export class PartitionFollower<State, Own extends EventBody, Foreign extends EventBody> {
  private readonly fold: PartitionFold<State, Own, Foreign>;
  private unsaved = 0;
  /** What the last snapshot covers of the other log. */
  private savedForeign: number;

  constructor(
    private readonly log: LogPort,
    private readonly topics: FollowedTopics,
    context: HostContext<State, unknown, unknown, Own, Foreign>,
    from: Snapshot | null,
  ) {
    this.fold = new PartitionFold(context, topics.own.partition, from);
    this.savedForeign = this.fold.foreignCovered;
  }

  /** Accepted records since the last snapshot, with those of the other log that they cover. */
  get unsavedRecords(): number {
    return this.unsaved + this.fold.foreignCovered - this.savedForeign;
  }

  get halted(): string | null {
    return this.fold.halted;
  }

  /**
   * One step towards the log's end. True when the end is reached.
   * @throws ReadError
   */
  async step(): Promise<boolean> {
    const batch = await this.log.read(this.topics.own, this.fold.next, {
      maxBytes: readMaxBytes,
      timeoutMs: readTimeoutMs,
    });
    this.unsaved += this.fold.feedOwn(batch);
    return this.fold.next >= batch.end;
  }

  /**
   * The fold up to the last accepted event that was read, or null before the first.
   * @throws ReadError, ForeignMismatch
   */
  async snapshot(): Promise<Snapshot | null> {
    for (let from = this.fold.foreignWanted; from !== null; from = this.fold.foreignWanted) {
      const batch = await this.log.read(this.topics.foreign, from, {
        maxBytes: readMaxBytes,
        timeoutMs: readTimeoutMs,
      });
      if (batch.next === from)
        throw new ForeignMismatch(`the other context's log ends at ${batch.end}, before what is covered`);
      this.fold.feedForeign(batch);
    }
    const snapshot = this.fold.snapshot();
    this.unsaved = 0;
    this.savedForeign = this.fold.foreignCovered;
    return snapshot;
  }
}
