/** Writes Kafka's primitive types. `buf` and `buffer` are what the client library expects of a payload. */
export class ByteWriter {
  private bytes: Buffer;
  private at = 0;

  constructor(expectedBytes = 512) {
    this.bytes = Buffer.allocUnsafe(expectedBytes);
  }

  get buf(): Buffer {
    return this.bytes;
  }

  get buffer(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  int8(value: number): this {
    this.room(1);
    this.at = this.bytes.writeInt8(value, this.at);
    return this;
  }

  int16(value: number): this {
    this.room(2);
    this.at = this.bytes.writeInt16BE(value, this.at);
    return this;
  }

  int32(value: number): this {
    this.room(4);
    this.at = this.bytes.writeInt32BE(value, this.at);
    return this;
  }

  uint32(value: number): this {
    this.room(4);
    this.at = this.bytes.writeUInt32BE(value, this.at);
    return this;
  }

  /** Integers beyond 2^53 do not occur: offsets and milliseconds stay below. */
  int64(value: number): this {
    const high = Math.floor(value / 0x1_0000_0000);
    return this.int32(high).uint32(value - high * 0x1_0000_0000);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length).room(length);
    this.at += this.bytes.write(value, this.at, length);
    return this;
  }

  varint(value: number): this {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    this.room(5);
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
    return this;
  }

  raw(value: Buffer): this {
    this.room(value.length);
    this.at += value.copy(this.bytes, this.at);
    return this;
  }

  varintString(value: string): this {
    const length = Buffer.byteLength(value);
    this.varint(length).room(length);
    this.at += this.bytes.write(value, this.at, length);
    return this;
  }

  private room(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

export function varintSize(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let size = 1;
  while (rest > 0x7f) {
    size += 1;
    rest >>>= 7;
  }
  return size;
}

/** Reads Kafka's primitive types; a read past the end throws a RangeError. */
export class ByteReader {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
  ) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  int8(): number {
    return this.bytes.readInt8(this.skip(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.skip(4));
  }

  int64(): number {
    const high = this.int32();
    return high * 0x1_0000_0000 + this.bytes.readUInt32BE(this.skip(4));
  }

  string(): string {
    const length = this.int16();
    return length <= 0 ? '' : this.text(length);
  }

  text(length: number): string {
    const start = this.skip(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  slice(length: number): Buffer {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  array<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) items.push(item());
    return items;
  }

  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** As `varint`, for the 64-bit fields; exact below 2^53. */
  varlong(): number {
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = this.bytes.readUInt8(this.skip(1));
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte & 0x80);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  private unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes.readUInt8(this.skip(1));
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value >>> 0;
    }
    throw new RangeError('a varint of more than five bytes');
  }

  private skip(count: number): number {
    const start = this.at;
    if (start + count > this.bytes.length) throw new RangeError('read past the end of the response');
    this.at = start + count;
    return start;
  }
}
