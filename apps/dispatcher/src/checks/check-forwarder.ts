import { CheckRequest } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody } from '@fluxforge/events/envelope';
import { type LogPort, type RecordBatch, type StoredRecord, type Tail } from '@fluxforge/events/log';

/** Check requests of the partitions that are led here, from their end on: what was asked before is asked again. */
export class CheckForwarder {
  private readonly tail: Tail;
  private readonly followed = new Set<number>();

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    forward: (partition: number, request: CheckRequest) => void,
  ) {
    this.tail = log.tail({
      onBatch: (tp, batch) => {
        for (const request of requestsOf(batch)) forward(tp.partition, request);
      },
      onError: (tp, error) => {
        if (error.failure === 'out-of-range') void this.follow(tp.partition).catch(() => undefined);
      },
    });
  }

  async follow(partition: number): Promise<void> {
    this.followed.add(partition);
    const tp = { topic: this.topic, partition };
    const { end } = await this.log.offsets(tp);
    if (this.followed.has(partition)) this.tail.follow(tp, end);
  }

  unfollow(partition: number): void {
    this.followed.delete(partition);
    this.tail.unfollow({ topic: this.topic, partition });
  }

  close(): Promise<void> {
    return this.tail.close();
  }
}

function* requestsOf(batch: RecordBatch): Generator<CheckRequest> {
  for (const record of batch.records) {
    const request = requestOf(record);
    if (request) yield request;
  }
}

function requestOf(record: StoredRecord): CheckRequest | null {
  try {
    const body = parseBody(record.value);
    return checkerOf(CheckRequest).Check(body) ? body : null;
  } catch {
    return null;
  }
}
