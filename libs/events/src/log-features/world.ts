import { type LogPort, type TopicPartition } from '../log/index.js';

/** A process of its own towards the log, which can die or be cut off without the others. */
export interface LogClient {
  readonly log: LogPort;
  /** As kill -9. */
  kill(): Promise<void>;
  /** Cut off until the group has forgotten it; `restore` lets it back. */
  interrupt(): void;
  restore(): Promise<void> | void;
}

/** An implementation of the log with the means to break it. Faults hold for `log`, and never for `other`. */
export interface LogWorld {
  readonly log: LogPort;
  readonly other: LogPort;
  /** A new topic, with a name of its own. */
  topic(partitions: number): Promise<string>;
  connect(): Promise<LogClient>;
  /** Each arms one fault for the next append of `log` to the partition. */
  readonly next: {
    lostAck(tp: TopicPartition): void;
    leadershipAfterAppend(tp: TopicPartition): void;
    notWritten(tp: TopicPartition): Promise<void> | void;
    duplicate(tp: TopicPartition): void;
    /** Times out; lands when the answered function is called. */
    late(tp: TopicPartition): () => void;
  };
  outage(): void;
  /** Ends every fault. */
  heal(): Promise<void> | void;
  /** The partitions of the topic lose all that they hold, and their offsets begin anew. */
  truncate(topic: string): Promise<void>;
  /** Bytes that `log` has been given by its reads and tails. */
  deliveredBytes(): number;
  close(): Promise<void>;
}
