import {
  type GroupHandlers,
  type GroupOptions,
  type LogPort,
  type LogRecord,
  type Membership,
  type PartitionOffsets,
  ReadError,
  type RecordBatch,
  type Tail,
  type TailHandlers,
  type TopicPartition,
  type TopicSpec,
} from '../log/index.js';
import { keyOf } from './append-faults.js';
import { type InMemoryCluster } from './cluster.js';
import { type InMemoryMembership } from './group.js';
import { InMemoryTail } from './tail.js';

/** One process's view of an `InMemoryCluster`. */
export class InMemoryLog implements LogPort {
  private readonly inFlight = new Set<string>();
  private readonly tails = new Set<Tail>();
  private readonly memberships = new Set<InMemoryMembership>();
  private closed = false;

  constructor(private readonly cluster: InMemoryCluster) {}

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) this.cluster.createTopic(spec);
  }

  async topicSettings(topic: string) {
    const spec = this.cluster.spec(topic);
    if (!spec) throw new ReadError('fatal', `no topic ${topic}`);
    return { partitions: spec.partitions, replication: spec.replication, config: { ...spec.config } };
  }

  async offsets(tp: TopicPartition): Promise<PartitionOffsets> {
    this.cluster.assertUp();
    return this.cluster.core.partition(tp).offsets();
  }

  async offsetAt(tp: TopicPartition, timestampMs: number): Promise<number> {
    this.cluster.assertUp();
    return this.cluster.core.partition(tp).offsetAt(timestampMs);
  }

  async append(
    tp: TopicPartition,
    records: readonly LogRecord[],
    options: { readonly concurrent?: boolean } = {},
  ): Promise<number> {
    this.assertOpen();
    if (records.length === 0) throw new Error('an append needs at least one record');
    if (options.concurrent) return this.cluster.append(tp, records);
    const key = keyOf(tp);
    if (this.inFlight.has(key)) throw new Error(`an append to ${key} is in flight`);
    this.inFlight.add(key);
    try {
      // As on a real log, the answer never comes within the caller's own turn.
      await new Promise<void>((resolve) => setImmediate(resolve));
      return await this.cluster.append(tp, records);
    } finally {
      this.inFlight.delete(key);
    }
  }

  async read(tp: TopicPartition, from: number, options: { readonly maxBytes: number }): Promise<RecordBatch> {
    this.assertOpen();
    this.cluster.assertUp();
    return this.cluster.core.read(tp, from, Infinity, options.maxBytes);
  }

  async trim(tp: TopicPartition, beforeOffset: number): Promise<number> {
    this.assertOpen();
    this.cluster.assertUp();
    const partition = this.cluster.core.partition(tp);
    if (beforeOffset > partition.end) {
      throw new ReadError('out-of-range', `${keyOf(tp)}: the log does not reach to ${beforeOffset}`);
    }
    partition.trim(beforeOffset);
    return partition.low;
  }

  tail(handlers: TailHandlers): Tail {
    this.assertOpen();
    const tail = new InMemoryTail(this.cluster, handlers);
    this.tails.add(tail);
    return tail;
  }

  async join(options: GroupOptions, handlers: GroupHandlers): Promise<Membership> {
    this.assertOpen();
    const membership = this.cluster.group(options.group).join(options, handlers);
    this.memberships.add(membership);
    return membership;
  }

  /** As kill -9: memberships fall silent and run into their session timeout, tails just stop. */
  async kill(): Promise<void> {
    for (const membership of this.memberships) membership.kill();
    this.memberships.clear();
    await this.close();
  }

  /** Throws its memberships out of their groups; they join again by themselves. */
  expel(): void {
    for (const membership of this.memberships) membership.expel();
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.tails, ...this.memberships].map((open) => open.close()));
  }

  private assertOpen(): void {
    if (this.closed) throw new Error('the log client is closed');
  }
}
