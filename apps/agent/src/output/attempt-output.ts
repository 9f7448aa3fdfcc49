import { type Hash, createHash } from 'node:crypto';
import { GapCause, type LeaseKey, type OutputMessageBody, OutputStream } from '@fluxforge/agent-protocol';
import { type ByteBudget } from './byte-budget.js';

export const MAX_CHUNK_BYTES = 32 * 1024;
const ITEM_OVERHEAD_BYTES = 256;

interface SealedItem {
  seq: number;
  body: OutputMessageBody;
  bytes: number;
}

export interface OutputTotals {
  stdoutBytes: number;
  stderrBytes: number;
  truncated: boolean;
}

/**
 * One stream (stdout or stderr) of one attempt. Bytes gather in an open chunk; sealed, a chunk has its
 * seq and never changes. What finds no room becomes part of an open gap, which is sealed, with a seq of
 * its own, before the next bytes that do. Sealed items stay until the API says that they are durable.
 */
class StreamOutput {
  totalBytes = 0;
  truncated = false;
  private readonly hash: Hash = createHash('sha256');
  private nextSeq = 0;
  private open: Buffer[] = [];
  private openBytes = 0;
  private gapBytes = 0;
  private gapCause: GapCause = GapCause.BUFFER;
  private items: SealedItem[] = [];
  private sent = 0;
  /** Where the limit cut the stream. Who takes the end on a new connection must have heard of it there. */
  private cut: SealedItem | null = null;
  private cutUnsaid = false;
  private ended = false;
  private discarded = false;

  constructor(
    private readonly stream: OutputStream,
    private readonly limitBytes: number,
    private readonly budget: ByteBudget,
    private readonly wallMs: () => number,
  ) {}

  write(bytes: Buffer): void {
    const allowed = Math.max(0, this.limitBytes - this.totalBytes);
    this.totalBytes += bytes.length;
    if (bytes.length > allowed) this.truncated = true;
    if (this.discarded) return;
    this.hash.update(bytes);
    if (allowed > 0) this.keep(bytes.subarray(0, allowed));
    if (bytes.length > allowed) this.lose(bytes.length - allowed, GapCause.LIMIT);
  }

  end(): void {
    this.ended = true;
    if (this.discarded) return;
    this.seal();
    this.sealGap();
    const sha256 = this.hash.digest();
    const { stream, totalBytes } = this;
    this.push(0, (seq) => ({ $case: 'end', end: { stream, seq, totalBytes, sha256 } }));
  }

  /** Up to `maxBytes` of what has not been sent on the present connection. */
  take(maxBytes: number): OutputMessageBody[] {
    if (this.sent === this.items.length && !this.ended) this.seal();
    const taken: OutputMessageBody[] = [];
    if (this.cutUnsaid && this.cut && this.items.length > 0) taken.push(this.cut.body);
    this.cutUnsaid = false;
    let room = maxBytes;
    for (let item = this.items[this.sent]; item !== undefined && room > 0; item = this.items[this.sent]) {
      taken.push(item.body);
      room -= item.bytes;
      this.sent += 1;
    }
    return taken;
  }

  hasUnsent(): boolean {
    return this.sent < this.items.length || this.openBytes > 0;
  }

  /** A new connection: everything unacknowledged goes again. */
  rewind(): void {
    this.sent = 0;
    // Taken already, and said again under its seq: what the API remembers of a stream ends with a connection.
    this.cutUnsaid = this.cut !== null && !this.items.includes(this.cut);
  }

  acknowledge(nextSeq: number): void {
    let done = 0;
    for (const item of this.items) {
      if (item.seq >= nextSeq) break;
      this.budget.give(item.bytes);
      done += 1;
    }
    this.items.splice(0, done);
    this.sent = Math.max(0, this.sent - done);
  }

  isDone(): boolean {
    return this.ended && this.items.length === 0;
  }

  /** Nobody will take it any more: from here on bytes are only counted. */
  discard(): void {
    this.budget.give(this.openBytes);
    for (const item of this.items) this.budget.give(item.bytes);
    this.open = [];
    this.openBytes = 0;
    this.items = [];
    this.sent = 0;
    this.discarded = true;
  }

  private keep(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + MAX_CHUNK_BYTES - this.openBytes);
      if (!this.budget.take(part.length)) {
        this.lose(bytes.length - at, GapCause.BUFFER);
        return;
      }
      this.sealGap();
      // A copy: the pipe hands out views of large buffers that one small line would keep alive.
      this.open.push(Buffer.from(part));
      this.openBytes += part.length;
      at += part.length;
      if (this.openBytes === MAX_CHUNK_BYTES) this.seal();
    }
  }

  private lose(bytes: number, cause: GapCause): void {
    this.seal();
    if (this.gapBytes > 0 && this.gapCause !== cause) this.sealGap();
    this.gapCause = cause;
    this.gapBytes += bytes;
  }

  private seal(): void {
    if (this.openBytes === 0) return;
    const data =
      this.open.length === 1 && this.open[0] !== undefined ? this.open[0] : Buffer.concat(this.open);
    const { stream } = this;
    const atMs = this.wallMs();
    this.push(data.length, (seq) => ({ $case: 'chunk', chunk: { stream, seq, data, atMs } }));
    this.open = [];
    this.openBytes = 0;
  }

  private sealGap(): void {
    if (this.gapBytes === 0) return;
    const { stream, gapBytes: bytes, gapCause: cause } = this;
    const gap = this.push(0, (seq) => ({ $case: 'gap', gap: { stream, seq, bytes, cause } }));
    if (cause === GapCause.LIMIT) this.cut = gap;
    this.gapBytes = 0;
  }

  private push(dataBytes: number, body: (seq: number) => OutputMessageBody): SealedItem {
    // A stream of tiny chunks costs more in bookkeeping than in data.
    this.budget.charge(ITEM_OVERHEAD_BYTES);
    const bytes = dataBytes + ITEM_OVERHEAD_BYTES;
    const item = { seq: this.nextSeq, body: body(this.nextSeq), bytes };
    this.items.push(item);
    this.nextSeq += 1;
    return item;
  }
}

export interface AttemptOutputSettings {
  key: LeaseKey;
  token: string;
  channel: number;
  limitBytes: number;
  budget: ByteBudget;
  wallMs: () => number;
}

/** The output of one attempt: two streams, one channel. */
export class AttemptOutput {
  readonly key: LeaseKey;
  readonly token: string;
  readonly channel: number;
  private readonly stdout: StreamOutput;
  private readonly stderr: StreamOutput;

  constructor({ key, token, channel, limitBytes, budget, wallMs }: AttemptOutputSettings) {
    this.key = key;
    this.token = token;
    this.channel = channel;
    this.stdout = new StreamOutput(OutputStream.STDOUT, limitBytes, budget, wallMs);
    this.stderr = new StreamOutput(OutputStream.STDERR, limitBytes, budget, wallMs);
  }

  write(stream: OutputStream, bytes: Buffer): void {
    this.of(stream).write(bytes);
  }

  end(): OutputTotals {
    this.stdout.end();
    this.stderr.end();
    return this.totals();
  }

  totals(): OutputTotals {
    return {
      stdoutBytes: this.stdout.totalBytes,
      stderrBytes: this.stderr.totalBytes,
      truncated: this.stdout.truncated || this.stderr.truncated,
    };
  }

  take(maxBytes: number): OutputMessageBody[] {
    return [...this.stdout.take(maxBytes), ...this.stderr.take(maxBytes)];
  }

  hasUnsent(): boolean {
    return this.stdout.hasUnsent() || this.stderr.hasUnsent();
  }

  rewind(): void {
    this.stdout.rewind();
    this.stderr.rewind();
  }

  acknowledge(stream: OutputStream, nextSeq: number): void {
    this.of(stream).acknowledge(nextSeq);
  }

  isDone(): boolean {
    return this.stdout.isDone() && this.stderr.isDone();
  }

  discard(): void {
    this.stdout.discard();
    this.stderr.discard();
  }

  private of(stream: OutputStream): StreamOutput {
    return stream === OutputStream.STDERR ? this.stderr : this.stdout;
  }
}
