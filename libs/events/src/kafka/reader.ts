import { ReadError, type RecordBatch, type TopicPartition } from '../log/index.js';
import { type ClusterMap } from './cluster-map.js';
import { Deadline } from './deadline.js';
import { classifyRead, ErrorCode } from './error-codes.js';
import { type FetchedPartition, fetchRequest } from './protocol.js';
import { decodeRecords, UnreadableBatch } from './record-batch.js';
import { onLeader, reported } from './topics.js';

const READ_LANE = 'read';
const NO_WAIT_MS = 0;

/** Reads ranges, each by one fetch that does not wait, over one long-lived connection per broker. */
export class RangeReader {
  constructor(private readonly cluster: ClusterMap) {}

  /** @throws ReadError */
  async read(tp: TopicPartition, from: number, maxBytes: number, timeoutMs: number): Promise<RecordBatch> {
    const deadline = new Deadline(timeoutMs);
    return reported(`read of ${tp.topic}[${tp.partition}]`, () =>
      onLeader(this.cluster, tp, READ_LANE, deadline, async (connection) => {
        const request = fetchRequest([{ ...tp, offset: from, maxBytes }], NO_WAIT_MS, maxBytes);
        const answer = await connection.send(request, deadline.leftMs());
        const [fetched] = answer.partitions;
        if (!fetched) throw new ReadError('unavailable', `the fetch answered error ${answer.errorCode}`);
        return batchOf(fetched, from);
      }),
    );
  }
}

/** @throws ReadError */
export function batchOf(fetched: FetchedPartition, from: number): RecordBatch {
  const { errorCode, highWatermark } = fetched;
  const name = `${fetched.topic}[${fetched.partition}]`;
  if (errorCode === ErrorCode.offsetOutOfRange) {
    throw new ReadError('out-of-range', `${name}: the log does not reach to ${from}`);
  }
  if (errorCode !== ErrorCode.none) {
    throw new ReadError(classifyRead(errorCode), `${name}: the fetch answered error ${errorCode}`);
  }
  try {
    const { records, next } = decodeRecords(fetched.bytes, from);
    return { records, next, end: Math.max(highWatermark, next) };
  } catch (cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    // Going on behind it would skip records, so it is never retried past.
    if (cause instanceof UnreadableBatch) throw new ReadError('fatal', `${name}: ${why}`, { cause });
    throw new ReadError('fatal', `${name}: unreadable records at ${from}: ${why}`, { cause });
  }
}
