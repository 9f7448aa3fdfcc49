import { gunzipSync } from 'node:zlib';
import { type LogRecord, type StoredRecord } from '../log/index.js';
import { ByteReader, ByteWriter, varintSize } from './bytes.js';
import { crc32C } from './kafkajs-internals.js';

// Record batch, magic 2: base offset int64, length int32, leader epoch int32, magic int8, crc uint32,
// attributes int16, last offset delta int32, first timestamp int64, max timestamp int64, producer id int64,
// producer epoch int16, base sequence int32, record count int32, records.
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const FIRST_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const COUNT_AT = 57;
const HEADER_BYTES = 61;
/** Bytes of a batch that its length field does not count: the base offset and the length itself. */
const UNCOUNTED_BYTES = 12;
const CODEC_MASK = 0x07;
const GZIP = 1;
const LOG_APPEND_TIME = 0x08;
const CONTROL = 0x20;
/** A batch is about 1 MB on the wire; what unpacks to more than this is not ours. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

export function encodeRecordBatch(records: readonly LogRecord[], nowMs: number): Buffer {
  const sizes = records.map((record, i) => recordBodySize(record, i));
  const total = sizes.reduce((sum, size) => sum + size + varintSize(size), HEADER_BYTES);
  const writer = new ByteWriter(total)
    .int64(0)
    .int32(total - UNCOUNTED_BYTES)
    .int32(-1)
    .int8(2)
    .uint32(0)
    .int16(0)
    .int32(records.length - 1)
    .int64(nowMs)
    .int64(nowMs)
    .int64(-1)
    .int16(-1)
    .int32(-1)
    .int32(records.length);
  records.forEach((record, i) => writeRecord(writer, record, i, sizes[i]!));
  const batch = writer.buffer;
  batch.writeUInt32BE(crc32C(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
  return batch;
}

function recordBodySize(record: LogRecord, offsetDelta: number): number {
  let size = 2 + varintSize(offsetDelta);
  size += sizedBytes(record.key === null ? -1 : Buffer.byteLength(record.key));
  size += sizedBytes(record.value === null ? -1 : record.value.length);
  let headers = 0;
  for (const name in record.headers) {
    headers += 1;
    size += sizedBytes(Buffer.byteLength(name)) + sizedBytes(Buffer.byteLength(record.headers[name]!));
  }
  return size + varintSize(headers);
}

function sizedBytes(length: number): number {
  return varintSize(length) + Math.max(0, length);
}

function writeRecord(writer: ByteWriter, record: LogRecord, offsetDelta: number, size: number): void {
  writer.varint(size).int8(0).varint(0).varint(offsetDelta);
  if (record.key === null) writer.varint(-1);
  else writer.varintString(record.key);
  if (record.value === null) writer.varint(-1);
  else writer.varint(record.value.length).raw(record.value);
  const names = Object.keys(record.headers);
  writer.varint(names.length);
  for (const name of names) writer.varintString(name).varintString(record.headers[name]!);
}

/** What the log holds cannot be read by this code, and never will be. */
export class UnreadableBatch extends Error {}

/**
 * The records at and after `from` among the whole batches in `bytes`, and the offset after the last of
 * these batches (also when it is empty by compaction or holds only control records). A cut-off batch at
 * the end is left for the next fetch. Values are slices of `bytes`.
 */
export function decodeRecords(bytes: Buffer, from: number): { records: StoredRecord[]; next: number } {
  const records: StoredRecord[] = [];
  let next = from;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const size = UNCOUNTED_BYTES + bytes.readInt32BE(at + LENGTH_AT);
    if (at + size > bytes.length) break;
    next = Math.max(next, readBatch(bytes.subarray(at, at + size), from, records));
    at += size;
  }
  return { records, next };
}

function readBatch(batch: Buffer, from: number, into: StoredRecord[]): number {
  const magic = batch.readInt8(MAGIC_AT);
  if (magic !== 2) throw new UnreadableBatch(`record batch of format ${magic}`);
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const base = new ByteReader(batch).int64();
  const next = base + batch.readInt32BE(LAST_OFFSET_DELTA_AT) + 1;
  if (attributes & CONTROL || next <= from) return next;
  const firstMs = new ByteReader(batch, FIRST_TIMESTAMP_AT).int64();
  const appendMs = attributes & LOG_APPEND_TIME ? new ByteReader(batch, MAX_TIMESTAMP_AT).int64() : undefined;
  const reader = new ByteReader(unpack(batch.subarray(HEADER_BYTES), attributes & CODEC_MASK));
  for (let left = batch.readInt32BE(COUNT_AT); left > 0; left -= 1) {
    const record = readRecord(reader, base, firstMs, appendMs);
    if (record.offset >= from) into.push(record);
  }
  return next;
}

function unpack(body: Buffer, codec: number): Buffer {
  if (codec === 0) return body;
  if (codec === GZIP) return gunzipSync(body, { maxOutputLength: MAX_UNPACKED_BYTES });
  throw new UnreadableBatch(`compression codec ${codec} is not supported`);
}

function readRecord(reader: ByteReader, base: number, firstMs: number, appendMs?: number): StoredRecord {
  const end = reader.varint() + reader.at;
  reader.int8();
  const createMs = firstMs + reader.varlong();
  const offset = base + reader.varint();
  const keyLength = reader.varint();
  const key = keyLength < 0 ? null : reader.text(keyLength);
  const valueLength = reader.varint();
  const value = valueLength < 0 ? null : reader.slice(valueLength);
  const headers: Record<string, string> = {};
  for (let left = reader.varint(); left > 0; left -= 1) {
    const name = reader.text(reader.varint());
    headers[name] = reader.text(Math.max(0, reader.varint()));
  }
  if (reader.at !== end) throw new UnreadableBatch(`record ${offset} is not as long as it says`);
  return { key, value, headers, offset, timestampMs: appendMs ?? createMs };
}
