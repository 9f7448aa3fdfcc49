/**
 * The log as FluxForge sees it: ordered partitions that are appended to and read, and a group that
 * only places partitions on processes. No client library's type crosses this port. There are two
 * implementations, in memory and on Kafka, held to one behaviour suite (`log.features.ts`).
 */

/** One partition of one topic. `topic` is the full name, prefix included. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record to append. Header values are UTF-8 text; `value` null is a tombstone (compacted topics only). */
export interface LogRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record as the log holds it. `timestampMs` is the log's append time, not the writer's clock. */
export interface StoredRecord extends LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

/**
 * What one read found. `next` is the offset to read from next time (control records and compaction
 * can leave holes, so it is not always the last offset + 1), `end` the log's end offset at that time
 * (the offset that the next append would get).
 */
export interface RecordBatch {
  readonly records: readonly StoredRecord[];
  readonly next: number;
  readonly end: number;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface PartitionOffsets {
  readonly low: number;
  readonly end: number;
}

/**
 * How an append can fail. `not-written`: surely nothing is or will be in the log; the same records may
 * be sent again. `unknown`: it may be in the log now, or later, or never. `fatal`: surely not written,
 * and sending it again cannot help (too large, not authorised, no such topic).
 */
export type AppendFailure = 'not-written' | 'unknown' | 'fatal';

export class AppendError extends Error {
  constructor(
    readonly failure: AppendFailure,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'AppendError';
  }
}

/** Why a read failed. `out-of-range`: `from` is below the log's start or above its end (a truncated log). */
export type ReadFailure = 'out-of-range' | 'unavailable' | 'fatal';

export class ReadError extends Error {
  constructor(
    readonly failure: ReadFailure,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ReadError';
  }
}

/** Followed partitions hand over their batches one at a time each, and do not wait for one another. */
export interface TailHandlers {
  /** Awaited before the next batch of the same partition is handed over: this is the back-pressure. */
  onBatch(tp: TopicPartition, batch: RecordBatch): Promise<void> | void;
  /** The partition is no longer followed; `out-of-range` and `fatal` are final, `unavailable` is retried inside. */
  onError(tp: TopicPartition, error: ReadError): void;
}

/** Follows partitions from given offsets. One long-lived reader serves all of them. */
export interface Tail {
  /** Starts (or moves) the reading of a partition at `from`. */
  follow(tp: TopicPartition, from: number): void;
  unfollow(tp: TopicPartition): void;
  close(): Promise<void>;
}

export interface GroupMember {
  readonly memberId: string;
  /** What the member said of itself when it joined, its address for instance. */
  readonly metadata: string;
  readonly partitions: readonly number[];
}

export interface GroupView {
  readonly generation: number;
  readonly members: readonly GroupMember[];
}

export interface GroupHandlers {
  /** The whole set of partitions this member holds from now on, at this generation. */
  onAssigned(partitions: readonly number[], generation: number): void;
  /** A heartbeat at this generation was answered: the group still counts this member in. */
  onHeartbeat(generation: number): void;
  /** The member is out of the group (session expired, error, closing). It will join again by itself unless closed. */
  onLost(): void;
}

export interface GroupOptions {
  readonly group: string;
  /** Topics with one and the same partition count; a member gets the same partition numbers of each. */
  readonly topics: readonly string[];
  readonly metadata: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** Membership in a group: placement only. Positions never come from here. */
export interface Membership {
  /** The group's generation and who holds which partitions, asked from the coordinator now. */
  view(): Promise<GroupView>;
  close(): Promise<void>;
}

export interface LogPort {
  /** Creates what is missing; an existing topic with another partition count is a fatal error. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** Settings of a topic that the journal depends on, e.g. `min.insync.replicas`, with its replication. */
  topicSettings(
    topic: string,
  ): Promise<{ partitions: number; replication: number; config: Record<string, string> }>;
  offsets(tp: TopicPartition): Promise<PartitionOffsets>;
  /** First offset whose append time is at or after `timestampMs`, or the end offset if there is none. */
  offsetAt(tp: TopicPartition, timestampMs: number): Promise<number>;
  /**
   * Appends the records as one batch with all in-sync replicas acknowledging, never retrying, and
   * answers its base offset. A second append to the same partition while one is in flight is refused
   * with a thrown `Error` (a bug of the caller), unless `concurrent` is set (ingest topics, where many
   * producers write and order between them means nothing).
   * @throws AppendError
   */
  append(
    tp: TopicPartition,
    records: readonly LogRecord[],
    options: { readonly timeoutMs: number; readonly concurrent?: boolean },
  ): Promise<number>;
  /**
   * Reads what is there from `from` on, at most about `maxBytes` (at least one record if there is one),
   * and returns at once, also when there is nothing.
   * @throws ReadError
   */
  read(
    tp: TopicPartition,
    from: number,
    options: { readonly maxBytes: number; readonly timeoutMs: number },
  ): Promise<RecordBatch>;
  /**
   * Deletes the records below `beforeOffset`, for good, and answers the partition's first offset from then on.
   * Nothing happens when they are gone already; beyond the end is `out-of-range`.
   * @throws ReadError
   */
  trim(tp: TopicPartition, beforeOffset: number): Promise<number>;
  tail(handlers: TailHandlers): Tail;
  join(options: GroupOptions, handlers: GroupHandlers): Promise<Membership>;
  close(): Promise<void>;
}
