import { hash32 } from '@fluxforge/domain/kernel';
import { type Keyed } from './task.js';

const hourMs = 3600 * 1000;
/** Whole hours that are kept besides the running one: a key is remembered for 24 to 25 hours. */
const hoursKept = 24;
const wordsPerEntry = 4;

export const keyWindowMs = hoursKept * hourMs;

/**
 * The idempotency keys of one hour: open addressing over one typed array, 16 bytes for each entry (half of
 * the hash of the key, half of the hash of the body). Millions of them weigh nothing on the collector.
 */
class Segment {
  private words = new Uint32Array(64 * wordsPerEntry);
  size = 0;

  find(k0: number, k1: number): number {
    const words = this.words;
    const mask = words.length / wordsPerEntry - 1;
    for (let slot = k0 & mask; ; slot = (slot + 1) & mask) {
      const at = slot * wordsPerEntry;
      if (words[at] === 0 && words[at + 1] === 0) return -1;
      if (words[at] === k0 && words[at + 1] === k1) return at;
    }
  }

  holdsBody(at: number, b0: number, b1: number): boolean {
    return this.words[at + 2] === b0 && this.words[at + 3] === b1;
  }

  add(k0: number, k1: number, b0: number, b1: number): void {
    if ((this.size + 1) * wordsPerEntry * 3 > this.words.length * 2) this.grow();
    this.put(k0, k1, b0, b1);
  }

  private put(k0: number, k1: number, b0: number, b1: number): void {
    const words = this.words;
    const mask = words.length / wordsPerEntry - 1;
    let slot = k0 & mask;
    for (; ; slot = (slot + 1) & mask) {
      const at = slot * wordsPerEntry;
      if (words[at] === k0 && words[at + 1] === k1) return;
      if (words[at] === 0 && words[at + 1] === 0) break;
    }
    words.set([k0, k1, b0, b1], slot * wordsPerEntry);
    this.size += 1;
  }

  private grow(): void {
    const old = this.words;
    this.words = new Uint32Array(old.length * 2);
    this.size = 0;
    for (let at = 0; at < old.length; at += wordsPerEntry) {
      if (old[at] === 0 && old[at + 1] === 0) continue;
      this.put(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
  }

  /** The entries as hex, 32 digits each, in an order that does not hang on how they came in. */
  toHex(): string {
    const entries: string[] = [];
    for (let at = 0; at < this.words.length; at += wordsPerEntry) {
      if (this.words[at] === 0 && this.words[at + 1] === 0) continue;
      let hex = '';
      for (let i = 0; i < wordsPerEntry; i++) hex += this.words[at + i]!.toString(16).padStart(8, '0');
      entries.push(hex);
    }
    return entries.sort().join('');
  }

  static fromHex(hex: string): Segment {
    const segment = new Segment();
    const word = (at: number) => parseInt(hex.slice(at, at + 8), 16);
    for (let at = 0; at + 32 <= hex.length; at += 32) {
      segment.add(word(at), word(at + 8), word(at + 16), word(at + 24));
    }
    return segment;
  }
}

function first(hash: string): number {
  return parseInt(hash.slice(0, 8), 16) >>> 0;
}

function second(hash: string): number {
  return parseInt(hash.slice(8, 16), 16) >>> 0;
}

export type KeyFinding = 'unknown' | 'same_body' | 'other_body';

/** The idempotency keys of the last day. A fold of what opens tasks and fan-outs, rejected ones too: the log remembers them. */
export class KeyWindow {
  private readonly segments = new Map<number, Segment>();

  get size(): number {
    let size = 0;
    for (const segment of this.segments.values()) size += segment.size;
    return size;
  }

  find(tenantId: string, keyed: Keyed, nowMs: number): KeyFinding {
    const oldest = Math.floor(nowMs / hourMs) - hoursKept;
    const [k0, k1] = this.keyWords(tenantId, keyed);
    for (const [hour, segment] of this.segments) {
      if (hour < oldest) continue;
      const at = segment.find(k0, k1);
      if (at < 0) continue;
      const same = segment.holdsBody(at, first(keyed.body_hash), second(keyed.body_hash));
      return same ? 'same_body' : 'other_body';
    }
    return 'unknown';
  }

  add(tenantId: string, keyed: Keyed, timeMs: number): void {
    const hour = Math.floor(timeMs / hourMs);
    let segment = this.segments.get(hour);
    if (!segment) {
      segment = new Segment();
      this.segments.set(hour, segment);
      for (const old of this.segments.keys()) if (old < hour - hoursKept) this.segments.delete(old);
    }
    const [k0, k1] = this.keyWords(tenantId, keyed);
    segment.add(k0, k1, first(keyed.body_hash), second(keyed.body_hash));
  }

  toJson(): [hour: number, entries: string][] {
    return [...this.segments].sort((a, b) => a[0] - b[0]).map(([hour, s]) => [hour, s.toHex()]);
  }

  static fromJson(json: [hour: number, entries: string][]): KeyWindow {
    const window = new KeyWindow();
    for (const [hour, hex] of json) window.segments.set(hour, Segment.fromHex(hex));
    return window;
  }

  /** The tenant goes in as well, so that nothing a tenant sends can meet another's keys. All zero marks a free slot. */
  private keyWords(tenantId: string, keyed: Keyed): [number, number] {
    const k0 = (first(keyed.key_hash) ^ hash32(tenantId)) >>> 0;
    return [k0 === 0 ? 1 : k0, second(keyed.key_hash)];
  }
}
