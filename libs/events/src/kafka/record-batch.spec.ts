import { gzipSync } from 'node:zlib';
// @ts-expect-error kafkajs types only its public door
import decoderJs from 'kafkajs/src/protocol/decoder.js';
// @ts-expect-error kafkajs types only its public door
import decodeJs from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import { type LogRecord } from '../log/index.js';
import { decodeRecords, encodeRecordBatch, UnreadableBatch } from './record-batch.js';

interface DecodedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly timestamp: string;
}
const Decoder = decoderJs as new (bytes: Buffer) => object;
const decodeByKafkajs = decodeJs as (decoder: object) => Promise<{ records: readonly DecodedRecord[] }>;

const records: LogRecord[] = [
  { key: 'a', value: Buffer.from('one'), headers: { h: 'ü', empty: '' } },
  { key: null, value: Buffer.alloc(0), headers: {} },
  { key: 'long'.repeat(100), value: Buffer.alloc(70_000, 7), headers: { big: 'x'.repeat(300) } },
  { key: 'gone', value: null, headers: {} },
];
const nowMs = 1_795_443_642_362;

/** The same batch as the broker stores it, at another offset and with attributes of its own. */
function stored(base: number, attributes = 0, batch = encodeRecordBatch(records, nowMs)): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(base), 0);
  copy.writeInt16BE(attributes, 21);
  return copy;
}

describe('record batches', () => {
  it('are read back as they were written', () => {
    const { records: found, next } = decodeRecords(stored(2 ** 40), 0);
    expect(next).toBe(2 ** 40 + 4);
    expect(found).toEqual(records.map((r, i) => ({ ...r, offset: 2 ** 40 + i, timestampMs: nowMs })));
  });

  it('are written as kafkajs reads them', async () => {
    const found = await decodeByKafkajs(new Decoder(encodeRecordBatch(records, nowMs)));
    expect(found.records.map(({ key, value }) => [key && String(key), value])).toEqual(
      records.map(({ key, value }) => [key, value]),
    );
    expect(String(found.records[0]!.headers['h'])).toBe('ü');
    expect(found.records[0]!.timestamp).toBe(String(nowMs));
  });

  it('leave out what comes before the wanted offset, and a cut-off batch at the end', () => {
    const bytes = Buffer.concat([stored(0), stored(4), stored(8).subarray(0, 200)]);
    const { records: found, next } = decodeRecords(bytes, 6);
    expect(found.map((r) => r.offset)).toEqual([6, 7]);
    expect(next).toBe(8);
    expect(decodeRecords(stored(8).subarray(0, 50), 8)).toEqual({ records: [], next: 8 });
  });

  it('move on over control records and over batches that compaction emptied', () => {
    expect(decodeRecords(stored(10, 0x20), 10)).toEqual({ records: [], next: 14 });
    const emptied = stored(10).subarray(0, 61);
    emptied.writeInt32BE(61 - 12, 8);
    emptied.writeInt32BE(0, 57);
    expect(decodeRecords(Buffer.concat([emptied, stored(14)]), 10).records[0]!.offset).toBe(14);
  });

  it('carry the append time of the log where the topic says so', () => {
    const batch = stored(0, 0x08);
    batch.writeBigInt64BE(5_000n, 35);
    expect(decodeRecords(batch, 0).records.map((r) => r.timestampMs)).toEqual([5_000, 5_000, 5_000, 5_000]);
  });

  it('are unpacked when other producers used gzip, and refused for codecs that are not there', () => {
    const plain = encodeRecordBatch(records, nowMs);
    const packed = Buffer.concat([plain.subarray(0, 61), gzipSync(plain.subarray(61))]);
    packed.writeInt32BE(packed.length - 12, 8);
    expect(decodeRecords(stored(0, 1, packed), 0).records).toHaveLength(4);
    expect(() => decodeRecords(stored(0, 4), 0)).toThrow(UnreadableBatch);
  });
});
