import { AppendError, type LogRecord, ReadError, type TopicPartition, type TopicSpec } from '../log/index.js';
import { type AppendFault, AppendFaults, keyOf } from './append-faults.js';
import { InMemoryGroup } from './group.js';
import { InMemoryLogCore } from './log-core.js';
import { recordBytes } from './partition-log.js';

export interface InMemoryClusterOptions {
  readonly nowMs?: () => number;
  /** Batches above this are refused for good, as the broker's `max.message.bytes` does. */
  readonly maxBatchBytes?: number;
}

/**
 * A log in memory that any number of `InMemoryLog` clients share, as processes share a broker.
 * Tests reach around the port through this object: faults, outages, truncation.
 */
export class InMemoryCluster {
  readonly core = new InMemoryLogCore();
  readonly nowMs: () => number;
  private readonly faults = new AppendFaults();
  private readonly specs = new Map<string, TopicSpec>();
  private readonly groups = new Map<string, InMemoryGroup>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly maxBatchBytes: number;
  private up = true;
  private readBytes = 0;

  constructor(options: InMemoryClusterOptions = {}) {
    this.nowMs = options.nowMs ?? Date.now;
    this.maxBatchBytes = options.maxBatchBytes ?? 1_048_576;
  }

  /** The next appends to the partition meet these faults, in this order. */
  script(tp: TopicPartition, ...faults: readonly AppendFault[]): void {
    for (const fault of faults) this.faults.script(tp, fault);
  }

  /** The oldest batch that timed out as `late` lands now; answers its base offset. */
  landLate(tp: TopicPartition): number {
    const records = this.faults.takeLate(tp);
    if (!records) throw new Error(`nothing is late for ${keyOf(tp)}`);
    return this.write(tp, records);
  }

  /** The partition loses its tail from `to` on; whoever follows it finds out. */
  truncate(tp: TopicPartition, to: number): void {
    this.core.truncate(tp, to);
    this.wake(tp);
  }

  /** While it is down, appends are surely not written and reads fail as unavailable. */
  setAvailable(up: boolean): void {
    this.up = up;
    for (const watchers of this.watchers.values()) for (const watcher of watchers) watcher();
  }

  /** Bytes that tails and reads were handed so far. */
  get deliveredBytes(): number {
    return this.readBytes;
  }

  countDelivered(records: readonly LogRecord[]): void {
    for (const record of records) this.readBytes += recordBytes(record);
  }

  createTopic(spec: TopicSpec): void {
    const existing = this.specs.get(spec.topic);
    if (existing && existing.partitions !== spec.partitions) {
      const message = `topic ${spec.topic} has ${existing.partitions} partitions, not ${spec.partitions}`;
      throw new ReadError('fatal', message);
    }
    if (existing) return;
    this.core.createTopic(spec.topic, spec.partitions);
    this.specs.set(spec.topic, spec);
  }

  spec(topic: string): TopicSpec | undefined {
    return this.specs.get(topic);
  }

  group(name: string): InMemoryGroup {
    const group = this.groups.get(name) ?? new InMemoryGroup((topic) => this.core.partitionCount(topic));
    this.groups.set(name, group);
    return group;
  }

  assertUp(): void {
    if (!this.up) throw new ReadError('unavailable', 'the log is down');
  }

  watch(tp: TopicPartition, onAppend: () => void): () => void {
    const key = keyOf(tp);
    const watchers = this.watchers.get(key) ?? new Set();
    this.watchers.set(key, watchers.add(onAppend));
    return () => watchers.delete(onAppend);
  }

  /** One append as a client sees it, scripted fault included. */
  async append(tp: TopicPartition, records: readonly LogRecord[]): Promise<number> {
    if (!this.up) throw new AppendError('not-written', 'the log is down');
    this.assertAcceptable(tp, records);
    const fault = this.faults.take(tp);
    switch (fault?.kind) {
      case undefined:
        return this.write(tp, records);
      case 'not-written':
        throw new AppendError('not-written', 'scripted: not enough replicas');
      case 'fatal':
        throw new AppendError('fatal', 'scripted: not authorised');
      case 'lost-ack':
        this.write(tp, records);
        throw new AppendError('unknown', 'scripted: the acknowledgement was lost');
      case 'leadership-after-append':
        this.write(tp, records);
        throw new AppendError('unknown', 'scripted: leadership changed after the append');
      case 'late':
        this.faults.keepLate(tp, records);
        throw new AppendError('unknown', 'scripted: timed out, still on its way');
      case 'never':
        throw new AppendError('unknown', 'scripted: timed out, never lands');
      case 'duplicate':
        this.write(tp, records);
        return this.write(tp, records);
      case 'foreign':
        this.write(tp, fault.records);
        return this.write(tp, records);
      case 'held':
        await fault.until;
        return this.write(tp, records);
    }
  }

  private write(tp: TopicPartition, records: readonly LogRecord[]): number {
    const base = this.core.append(tp, records, this.nowMs());
    this.wake(tp);
    return base;
  }

  private wake(tp: TopicPartition): void {
    for (const watcher of this.watchers.get(keyOf(tp)) ?? []) watcher();
  }

  private assertAcceptable(tp: TopicPartition, records: readonly LogRecord[]): void {
    if (this.core.partitionCount(tp.topic) <= tp.partition) {
      throw new AppendError('fatal', `no partition ${keyOf(tp)}`);
    }
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
    if (bytes > this.maxBatchBytes) throw new AppendError('fatal', `a batch of ${bytes} bytes is too large`);
  }
}
