/** Keeps the last bytes of what flows by. */
export class Tail {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(private readonly capacityBytes: number) {}

  add(part: Buffer): void {
    this.parts.push(Buffer.from(part.subarray(Math.max(0, part.length - this.capacityBytes))));
    this.bytes += Math.min(part.length, this.capacityBytes);
    if (this.bytes > 4 * this.capacityBytes) this.compact();
  }

  value(): Buffer {
    this.compact();
    return this.parts[0] ?? Buffer.alloc(0);
  }

  private compact(): void {
    const all = Buffer.concat(this.parts);
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - this.capacityBytes)));
    this.parts = [kept];
    this.bytes = kept.length;
  }
}
