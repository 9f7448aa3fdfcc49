import { createHash } from 'node:crypto';

/**
 * One record: length (4 bytes, little endian), first 8 bytes of SHA-256 over length and payload, payload.
 * A segment is filled with zeros beforehand, so a length of 0 is its clean end; anything else that does
 * not verify is damage.
 */
const LENGTH_BYTES = 4;
const DIGEST_BYTES = 8;
export const RECORD_HEADER_BYTES = LENGTH_BYTES + DIGEST_BYTES;
export const MAX_RECORD_BYTES = 64 * 1024;

export function encodeRecord(payload: Buffer): Buffer {
  if (payload.length === 0 || payload.length > MAX_RECORD_BYTES) {
    throw new RangeError(`a journal record holds 1 to ${MAX_RECORD_BYTES} bytes, not ${payload.length}`);
  }
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + payload.length);
  record.writeUInt32LE(payload.length, 0);
  payload.copy(record, RECORD_HEADER_BYTES);
  digest(record).copy(record, LENGTH_BYTES);
  return record;
}

export interface ScannedRecords {
  payloads: Buffer[];
  /** Where the next record would begin. */
  endOffset: number;
  /** What follows is neither a record nor untouched space. */
  damaged: boolean;
}

/** Reads as far as every byte verifies, and no further. */
export function scanRecords(segment: Buffer): ScannedRecords {
  const payloads: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const end = recordEnd(segment, offset);
    if (end === undefined) break;
    payloads.push(segment.subarray(offset + RECORD_HEADER_BYTES, end));
    offset = end;
  }
  return { payloads, endOffset: offset, damaged: !isBlank(segment.subarray(offset)) };
}

function recordEnd(segment: Buffer, offset: number): number | undefined {
  if (offset + RECORD_HEADER_BYTES > segment.length) return undefined;
  const length = segment.readUInt32LE(offset);
  if (length === 0 || length > MAX_RECORD_BYTES) return undefined;
  const end = offset + RECORD_HEADER_BYTES + length;
  if (end > segment.length) return undefined;
  const record = segment.subarray(offset, end);
  const stored = record.subarray(LENGTH_BYTES, RECORD_HEADER_BYTES);
  return digest(record).equals(stored) ? end : undefined;
}

function digest(record: Buffer): Buffer {
  return createHash('sha256')
    .update(record.subarray(0, LENGTH_BYTES))
    .update(record.subarray(RECORD_HEADER_BYTES))
    .digest()
    .subarray(0, DIGEST_BYTES);
}

function isBlank(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}
