import { CheckRequest } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody } from '@fluxforge/events/envelope';
import { type RecordBatch, type StoredRecord } from '@fluxforge/events/log';

/** Those that can be read. */
export function* requestsOf(batch: RecordBatch): Generator<CheckRequest> {
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
