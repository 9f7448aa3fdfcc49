import { takeFrom, type Bucket } from './bucket/index.js';
import { type Cache, type Kept, type NamedText, type Rate } from './port.js';

export interface InProcessOptions {
  readonly nowMs: () => number;
  /** Processes that limit the same things, each with a cache like this one: each gives its share. */
  readonly sharers?: number;
  /** Of buckets, and of texts; what was used longest ago goes first. A bucket that went is full again. */
  readonly maxEntries?: number;
}

interface Text {
  readonly text: string;
  readonly putAtMs: number;
  readonly untilMs: number;
}

const defaultMaxEntries = 10_000;

/** For one machine, and for each server while the shared cache is lost. */
export class InProcessCache implements Cache {
  readonly available = true;
  private readonly buckets = new Map<string, Bucket>();
  private readonly texts = new Map<string, Text>();
  private readonly nowMs: () => number;
  private readonly sharers: number;
  private readonly maxEntries: number;

  constructor(options: InProcessOptions) {
    this.nowMs = options.nowMs;
    this.sharers = options.sharers ?? 1;
    this.maxEntries = options.maxEntries ?? defaultMaxEntries;
  }

  async take(name: string, rate: Rate): Promise<number> {
    const { bucket, waitMs } = takeFrom(this.buckets.get(name) ?? null, rate, this.sharers, this.nowMs());
    keep(this.buckets, name, bucket, this.maxEntries);
    return waitMs;
  }

  async put(texts: readonly NamedText[], ttlMs: number): Promise<'kept'> {
    const nowMs = this.nowMs();
    for (const [name, text] of texts) {
      keep(this.texts, name, { text, putAtMs: nowMs, untilMs: nowMs + ttlMs }, this.maxEntries);
    }
    return 'kept';
  }

  async get(names: readonly string[]): Promise<readonly (Kept | null)[]> {
    return names.map((name) => this.one(name));
  }

  async close(): Promise<void> {
    this.buckets.clear();
    this.texts.clear();
  }

  private one(name: string): Kept | null {
    const found = this.texts.get(name);
    if (!found) return null;
    const nowMs = this.nowMs();
    if (nowMs < found.untilMs) return { text: found.text, ageMs: Math.max(0, nowMs - found.putAtMs) };
    this.texts.delete(name);
    return null;
  }
}

/** Behind all others: a map hands out its keys in the order in which they were set. */
function keep<T>(entries: Map<string, T>, name: string, value: T, maxEntries: number): void {
  entries.delete(name);
  entries.set(name, value);
  if (entries.size <= maxEntries) return;
  const oldest = entries.keys().next();
  if (!oldest.done) entries.delete(oldest.value);
}
