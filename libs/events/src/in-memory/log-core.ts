import {
  AppendError,
  type LogRecord,
  ReadError,
  type RecordBatch,
  type TopicPartition,
} from '../log/index.js';
import { PartitionLog } from './partition-log.js';

/**
 * The in-memory log without promises, timers or clock, for callers that own the time themselves (the
 * deterministic simulation) and as the storage under `InMemoryCluster`.
 */
export class InMemoryLogCore {
  private readonly topics = new Map<string, PartitionLog[]>();

  createTopic(topic: string, partitions: number): void {
    if (this.topics.has(topic)) throw new Error(`topic ${topic} exists`);
    this.topics.set(
      topic,
      Array.from({ length: partitions }, (_, partition) => new PartitionLog(`${topic}[${partition}]`)),
    );
  }

  /** 0 for a topic that does not exist. */
  partitionCount(topic: string): number {
    return this.topics.get(topic)?.length ?? 0;
  }

  append(tp: TopicPartition, records: readonly LogRecord[], nowMs: number): number {
    const partition = this.find(tp);
    if (!partition) throw new AppendError('fatal', `no partition ${tp.topic}[${tp.partition}]`);
    return partition.append(records, nowMs);
  }

  read(tp: TopicPartition, from: number, maxRecords: number, maxBytes = Infinity): RecordBatch {
    return this.partition(tp).read(from, maxRecords, maxBytes);
  }

  end(tp: TopicPartition): number {
    return this.partition(tp).end;
  }

  truncate(tp: TopicPartition, to: number): void {
    this.partition(tp).truncate(to);
  }

  trim(tp: TopicPartition, low: number): void {
    this.partition(tp).trim(low);
  }

  /** The partition itself, for callers that keep it instead of looking it up each time. */
  partition(tp: TopicPartition): PartitionLog {
    const partition = this.find(tp);
    if (!partition) throw new ReadError('fatal', `no partition ${tp.topic}[${tp.partition}]`);
    return partition;
  }

  private find(tp: TopicPartition): PartitionLog | undefined {
    return this.topics.get(tp.topic)?.[tp.partition];
  }
}
