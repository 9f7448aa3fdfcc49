import { AppendError, type LogRecord, type TopicPartition } from '../log/index.js';
import { BrokerError, ConnectError } from './broker-connection.js';
import { type ClusterMap, NoSuchTopic } from './cluster-map.js';
import { Deadline } from './deadline.js';
import { classifyAppend, ErrorCode } from './error-codes.js';
import { type ProduceAnswer, produceRequest } from './protocol.js';
import { encodeRecordBatch } from './record-batch.js';

/**
 * A broker answers the requests of one connection one after another, so an append that waits for replicas
 * holds up those behind it. A few connections keep partitions mostly out of each other's way.
 */
const LANES = 3;
/** Far above any broker's batch limit; it only keeps a mistake from being encoded and sent. */
const MAX_BATCH_BYTES = 32 * 1024 * 1024;

/** Sends one record batch to a partition's leader, once, and says what is known of it afterwards. */
export class Appender {
  constructor(private readonly cluster: ClusterMap) {}

  /** @throws AppendError */
  async append(tp: TopicPartition, records: readonly LogRecord[], timeoutMs: number): Promise<number> {
    const deadline = new Deadline(timeoutMs);
    const batch = encodeRecordBatch(records, Date.now());
    if (batch.length > MAX_BATCH_BYTES) {
      throw new AppendError('fatal', `a batch of ${batch.length} bytes is too large`);
    }
    const connection = await this.reach(tp, deadline);
    // Nothing has left the process so far; from here on the outcome may be unknown.
    const leftMs = deadline.leftMs();
    if (leftMs < 1) throw new AppendError('not-written', 'no time was left to send the batch');
    const request = produceRequest(tp.topic, tp.partition, batch, Math.ceil(leftMs));
    try {
      return this.offsetOf(tp, await connection.send(request, leftMs));
    } catch (error: unknown) {
      if (error instanceof AppendError) throw error;
      throw this.classify(tp, error);
    }
  }

  private async reach(tp: TopicPartition, deadline: Deadline) {
    try {
      const leader = await this.cluster.leaderOf(tp, deadline);
      return await this.cluster.connection(leader, `append-${tp.partition % LANES}`, deadline);
    } catch (cause: unknown) {
      if (cause instanceof NoSuchTopic) throw new AppendError('fatal', cause.message, { cause });
      // The leader may be gone for good: the next append asks who leads now.
      this.cluster.invalidate(tp.topic);
      throw new AppendError('not-written', `no way to ${tp.topic}[${tp.partition}]`, { cause });
    }
  }

  private offsetOf(tp: TopicPartition, { errorCode, baseOffset }: ProduceAnswer): number {
    if (errorCode === ErrorCode.none) return baseOffset;
    const failure = classifyAppend(errorCode);
    if (failure === 'unknown') this.cluster.invalidate(tp.topic);
    throw new AppendError(failure, `append to ${tp.topic}[${tp.partition}] answered error ${errorCode}`);
  }

  private classify(tp: TopicPartition, cause: unknown): AppendError {
    this.cluster.invalidate(tp.topic);
    const where = `append to ${tp.topic}[${tp.partition}]`;
    if (cause instanceof ConnectError) {
      return new AppendError('not-written', `${where}: not connected`, { cause });
    }
    const said = cause instanceof BrokerError ? `error ${cause.code}` : 'no answer';
    return new AppendError('unknown', `${where}: ${said}`, { cause });
  }
}
