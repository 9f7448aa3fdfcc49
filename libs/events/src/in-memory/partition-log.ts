import {
  type LogRecord,
  type PartitionOffsets,
  ReadError,
  type RecordBatch,
  type StoredRecord,
} from '../log/index.js';

const NOTHING: readonly StoredRecord[] = [];
/** What a record costs beside key, value and header text; the real log's framing is of this order. */
const RECORD_OVERHEAD_BYTES = 16;

/**
 * One partition: records by offset in a plain array, `base` being the offset of its first slot. A slot
 * without a record is a hole, as compaction and control records leave them on the real log. No clock
 * and no promise in here: the simulation calls this directly, a hundred thousand times a second.
 */
export class PartitionLog {
  private base = 0;
  private slots: (StoredRecord | undefined)[] = [];

  constructor(private readonly name: string) {}

  get low(): number {
    return this.base;
  }

  get end(): number {
    return this.base + this.slots.length;
  }

  offsets(): PartitionOffsets {
    return { low: this.base, end: this.end };
  }

  append(records: readonly LogRecord[], nowMs: number): number {
    const first = this.end;
    for (let i = 0; i < records.length; i += 1) {
      const { key, value, headers } = records[i]!;
      this.slots.push({ key, value, headers, offset: first + i, timestampMs: nowMs });
    }
    return first;
  }

  /** Takes up offsets that no reader will see a record at. */
  leaveHole(count: number): void {
    for (let i = 0; i < count; i += 1) this.slots.push(undefined);
  }

  /** At least one record if there is one, then as many as both limits allow. */
  read(from: number, maxRecords: number, maxBytes = Infinity): RecordBatch {
    const { end } = this;
    if (from < this.base || from > end) {
      throw new ReadError('out-of-range', `${this.name}: ${from} is not within ${this.base}..${end}`);
    }
    if (from === end) return { records: NOTHING, next: end, end };
    const records: StoredRecord[] = [];
    let at = from - this.base;
    let bytes = 0;
    for (; at < this.slots.length && records.length < maxRecords; at += 1) {
      const record = this.slots[at];
      if (record === undefined) continue;
      if (maxBytes !== Infinity) bytes += recordBytes(record);
      if (bytes > maxBytes && records.length > 0) break;
      records.push(record);
    }
    return { records, next: this.base + at, end };
  }

  offsetAt(timestampMs: number): number {
    const found = this.slots.findIndex((r) => r !== undefined && r.timestampMs >= timestampMs);
    return found < 0 ? this.end : this.base + found;
  }

  /** The log loses its tail: the next append gets the offset `to`. */
  truncate(to: number): void {
    if (to >= this.end) return;
    this.slots.length = Math.max(0, to - this.base);
    if (to < this.base) this.base = to;
  }

  /** The log forgets its head: `low` becomes its first offset. */
  trim(low: number): void {
    const drop = Math.min(low, this.end) - this.base;
    if (drop <= 0) return;
    this.slots.splice(0, drop);
    this.base += drop;
  }
}

export function recordBytes(record: LogRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const name in record.headers) bytes += name.length + record.headers[name]!.length;
  return bytes;
}
