import { ByteReader, ByteWriter } from './bytes.js';
import { requests, type WireRequest } from './kafkajs-internals.js';

// Produce and Fetch are encoded here: kafkajs fails a whole fetch for one partition's error, hides where an
// empty batch ends, and spends half a kilobyte per header. All other requests are kafkajs's own.
const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' };
const FETCH = { apiKey: 1, apiVersion: 11, apiName: 'Fetch' };
const ACKS_ALL = -1;
const REPLICA_CONSUMER = -1;
const READ_UNCOMMITTED = 0;
const NO_SESSION_EPOCH = -1;

/** kafkajs holds the connection's next requests back for so long, when the broker asks for it. */
interface Throttled {
  readonly clientSideThrottleTime: number;
}

export interface ProduceAnswer extends Throttled {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export function produceRequest(
  topic: string,
  partition: number,
  batch: Buffer,
  ackTimeoutMs: number,
): WireRequest<ProduceAnswer> {
  const payload = new ByteWriter(batch.length + topic.length + 64)
    .string(null)
    .int16(ACKS_ALL)
    .int32(ackTimeoutMs)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int32(batch.length)
    .raw(batch);
  return wire(PRODUCE, payload, (reader) => {
    const [answer] = reader.array(() => {
      reader.string();
      const [only] = reader.array(() => {
        reader.int32();
        const errorCode = reader.int16();
        const baseOffset = reader.int64();
        reader.int64();
        reader.int64();
        return { errorCode, baseOffset };
      });
      return only;
    });
    if (!answer) throw new RangeError('a produce answer without a partition');
    return { ...answer, clientSideThrottleTime: reader.int32() };
  });
}

export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly bytes: Buffer;
}

export interface FetchAnswer extends Throttled {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export function fetchRequest(
  partitions: readonly FetchPartition[],
  maxWaitMs: number,
  maxBytes: number,
): WireRequest<FetchAnswer> {
  const payload = new ByteWriter(64 + partitions.length * 64)
    .int32(REPLICA_CONSUMER)
    .int32(maxWaitMs)
    .int32(1)
    .int32(maxBytes)
    .int8(READ_UNCOMMITTED)
    .int32(0)
    .int32(NO_SESSION_EPOCH)
    .int32(partitions.length);
  // One topic entry per partition keeps the caller's order, which decides who gets the byte budget first.
  for (const { topic, partition, offset, maxBytes: partitionBytes } of partitions) {
    payload.string(topic).int32(1).int32(partition).int32(-1).int64(offset).int64(-1).int32(partitionBytes);
  }
  payload.int32(0).string('');
  return wire<FetchAnswer>(FETCH, payload, (reader) => {
    const clientSideThrottleTime = reader.int32();
    const errorCode = reader.int16();
    reader.int32();
    const fetched = reader.array(() => {
      const topic = reader.string();
      return reader.array(() => fetchedPartition(reader, topic));
    });
    return { clientSideThrottleTime, errorCode, partitions: fetched.flat() };
  });
}

function fetchedPartition(reader: ByteReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  reader.int64();
  reader.int64();
  reader.array(() => [reader.int64(), reader.int64()]);
  reader.int32();
  const length = reader.int32();
  return { topic, partition, errorCode, highWatermark, bytes: reader.slice(Math.max(0, length)) };
}

function wire<T>(
  api: { apiKey: number; apiVersion: number; apiName: string },
  payload: ByteWriter,
  decode: (reader: ByteReader) => T,
): WireRequest<T> {
  return {
    request: { ...api, encode: async () => payload },
    response: { decode: async (bytes) => decode(new ByteReader(bytes)), parse: async (decoded) => decoded },
  };
}

export interface MetadataAnswer {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly {
      readonly partitionErrorCode: number;
      readonly partitionId: number;
      readonly leader: number;
      readonly replicas: readonly number[];
    }[];
  }[];
}

/** Errors of single topics are in the answer; kafkajs would make the whole request fail. */
export function metadataRequest(topics: readonly string[]): WireRequest<MetadataAnswer> {
  return unchecked(byKafkajs('Metadata', 6, { topics, allowAutoTopicCreation: false }));
}

interface ListOffsetsAnswer {
  readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[];
}

/** -1 as the timestamp asks for the end, -2 for the start; an answer of -1 means that there is none. */
export function listOffsetsRequest(
  topic: string,
  partition: number,
  timestamp: number,
): WireRequest<ListOffsetsAnswer> {
  return byKafkajs('ListOffsets', 3, {
    replicaId: REPLICA_CONSUMER,
    isolationLevel: READ_UNCOMMITTED,
    topics: [{ topic, partitions: [{ partition, timestamp }] }],
  });
}

interface DeleteRecordsAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly lowWatermark: string; readonly errorCode: number }[];
  }[];
}

export function deleteRecordsRequest(
  topic: string,
  partition: number,
  beforeOffset: number,
  timeoutMs: number,
): WireRequest<DeleteRecordsAnswer> {
  const topics = [{ topic, partitions: [{ partition, offset: String(beforeOffset) }] }];
  return unchecked(byKafkajs('DeleteRecords', 1, { topics, timeout: timeoutMs }));
}

/** The request with all error codes left in its answer. */
export function unchecked<T>({ request, response }: WireRequest<T>): WireRequest<T> {
  return { request, response: { decode: response.decode, parse: async (decoded) => decoded } };
}

export function byKafkajs<T>(api: string, version: number, payload: object): WireRequest<T> {
  return requests[api]!.protocol({ version })(payload) as WireRequest<T>;
}
