import { type LogEntry, type SASLOptions } from 'kafkajs';
import { type ConnectionOptions } from 'node:tls';
import {
  type GroupHandlers,
  type GroupOptions,
  type LogPort,
  type LogRecord,
  type Membership,
  type PartitionOffsets,
  type RecordBatch,
  type Tail,
  type TailHandlers,
  type TopicPartition,
  type TopicSpec,
} from '../log/index.js';
import { Appender } from './appender.js';
import { type BrokerAddress } from './broker-connection.js';
import { ClusterMap } from './cluster-map.js';
import { within } from './deadline.js';
import { createLogger } from './kafkajs-internals.js';
import { IngestBatcher } from './ingest-batcher.js';
import { KafkaMembership } from './membership.js';
import { RangeReader } from './reader.js';
import { patchRequestQueue } from './request-queue-patch.js';
import { KafkaTail } from './tail.js';
import { Topics } from './topics.js';

export interface KafkaLogOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Everything that the client has to say, kafkajs's own log included; nothing is printed. */
  readonly onLog?: (level: 'debug' | 'warn', message: string, detail?: unknown) => void;
  /** Where a broker is reached that advertises another address (a tunnel, a proxy). */
  readonly resolveBroker?: (advertised: BrokerAddress) => BrokerAddress;
  readonly ssl?: ConnectionOptions;
  readonly sasl?: SASLOptions;
}

const CLOSE_TIMEOUT_MS = 4_000;
const KAFKAJS_LOG_ERRORS = 1;

export function createKafkaLog(options: KafkaLogOptions): LogPort {
  patchRequestQueue();
  return new KafkaLog(options);
}

class KafkaLog implements LogPort {
  private readonly cluster: ClusterMap;
  private readonly topics: Topics;
  private readonly appender: Appender;
  private readonly ingest: IngestBatcher;
  private readonly reader: RangeReader;
  private readonly inFlight = new Set<string>();
  private readonly tails = new Set<KafkaTail>();
  private readonly memberships = new Set<KafkaMembership>();
  private closed = false;

  constructor(private readonly options: KafkaLogOptions) {
    const { onLog } = options;
    const logCreator = () => (entry: LogEntry) => onLog?.('debug', entry.log.message, entry.log);
    const logger = createLogger({ level: KAFKAJS_LOG_ERRORS, logCreator });
    this.cluster = new ClusterMap({ ...options, logger });
    this.topics = new Topics(this.cluster);
    this.appender = new Appender(this.cluster);
    this.ingest = new IngestBatcher((tp, records, ms) => this.appender.append(tp, records, ms));
    this.reader = new RangeReader(this.cluster);
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.topics.ensure(specs);
  }

  async topicSettings(topic: string) {
    return this.topics.settings(topic);
  }

  async offsets(tp: TopicPartition): Promise<PartitionOffsets> {
    return this.topics.offsets(tp);
  }

  async offsetAt(tp: TopicPartition, timestampMs: number): Promise<number> {
    return this.topics.offsetAt(tp, timestampMs);
  }

  async append(
    tp: TopicPartition,
    records: readonly LogRecord[],
    options: { readonly timeoutMs: number; readonly concurrent?: boolean },
  ): Promise<number> {
    this.assertOpen();
    if (records.length === 0) throw new Error('an append needs at least one record');
    if (options.concurrent) return this.ingest.add(tp, records, options.timeoutMs);
    const key = `${tp.topic}/${tp.partition}`;
    if (this.inFlight.has(key)) throw new Error(`an append to ${key} is in flight`);
    this.inFlight.add(key);
    try {
      return await this.appender.append(tp, records, options.timeoutMs);
    } finally {
      this.inFlight.delete(key);
    }
  }

  async read(
    tp: TopicPartition,
    from: number,
    options: { readonly maxBytes: number; readonly timeoutMs: number },
  ): Promise<RecordBatch> {
    this.assertOpen();
    return this.reader.read(tp, from, options.maxBytes, options.timeoutMs);
  }

  async trim(tp: TopicPartition, beforeOffset: number): Promise<number> {
    this.assertOpen();
    return this.topics.trim(tp, beforeOffset);
  }

  tail(handlers: TailHandlers): Tail {
    this.assertOpen();
    const tail = new KafkaTail(this.cluster, handlers, (closing) => this.tails.delete(closing));
    this.tails.add(tail);
    return tail;
  }

  async join(options: GroupOptions, handlers: GroupHandlers): Promise<Membership> {
    this.assertOpen();
    const membership = new KafkaMembership(this.cluster, options, handlers, (message, error) =>
      this.options.onLog?.('warn', message, error),
    );
    this.memberships.add(membership);
    return membership;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.ingest.close();
    const parts = [...this.tails, ...this.memberships].map((part) => part.close());
    await within(Promise.all(parts), CLOSE_TIMEOUT_MS, () => new Error('closing took too long')).catch(
      (error: unknown) => this.options.onLog?.('warn', 'the log client was not closed cleanly', error),
    );
    this.cluster.close();
  }

  private assertOpen(): void {
    if (this.closed) throw new Error('the log client is closed');
  }
}
