import { Redis } from 'ioredis';
import { Breaker } from './breaker.js';
import { capacityOf } from './bucket/index.js';
import { lost, type Cache, type Kept, type Lost, type NamedText, type Rate } from './port.js';
import { getScript, putScript, takeScript } from './redis-scripts.js';

export interface RedisOptions {
  readonly url: string;
  /** Of every key, so that systems can share a server. */
  readonly keyPrefix: string;
  /** How long a call may take. */
  readonly deadlineMs?: number;
  /** After a call that failed, no call is tried for so long. */
  readonly restMs?: number;
  /** Told when it is lost and when it is back, not of each call. */
  readonly onChange?: (available: boolean, reason: string) => void;
}

const defaultDeadlineMs = 50;
const defaultRestMs = 1_000;
const connectTimeoutMs = 1_000;
const longestRetryMs = 1_000;
const unit = 1_000;

interface Scripts {
  ffTake(key: string, perSecond: number, capacity: number, cost: number): Promise<unknown>;
  ffPut(count: number, ...keysAndTexts: (string | number)[]): Promise<unknown>;
  ffGet(count: number, ...keys: string[]): Promise<unknown>;
}

/** On a Redis that may be slow, full, empty, restarting or gone at any time. */
export class RedisCache implements Cache {
  private readonly redis: Redis & Scripts;
  private readonly breaker: Breaker;
  /** As last told; nothing is known before the first answer. */
  private known: boolean | null = null;

  constructor(private readonly options: RedisOptions) {
    this.breaker = new Breaker(options.restMs ?? defaultRestMs, () => performance.now());
    const redis = new Redis(options.url, {
      // What waits for a connection would be answered too late.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.deadlineMs ?? defaultDeadlineMs,
      connectTimeout: connectTimeoutMs,
      retryStrategy: (times) => Math.min(times * 50, longestRetryMs),
      scripts: {
        ffTake: { lua: takeScript, numberOfKeys: 1 },
        ffPut: { lua: putScript },
        ffGet: { lua: getScript },
      },
    });
    // Each failed connection is one; the calls find out by themselves.
    redis.on('error', () => undefined);
    this.redis = redis as Redis & Scripts;
  }

  get available(): boolean {
    return this.breaker.closed;
  }

  async take(bucket: string, rate: Rate): Promise<number | Lost> {
    const key = this.key(`rate:${bucket}`);
    return this.guarded(async () => {
      const wait = await this.redis.ffTake(key, rate.perSecond, capacityOf(rate, 1), unit);
      if (typeof wait !== 'number') throw new Error('not a number');
      return wait;
    });
  }

  async put(texts: readonly NamedText[], ttlMs: number): Promise<'kept' | Lost> {
    if (texts.length === 0) return 'kept';
    const keys = texts.map(([name]) => this.key(name));
    const values = texts.map(([, text]) => text);
    return this.guarded(async () => {
      await this.redis.ffPut(keys.length, ...keys, ttlMs, ...values);
      return 'kept' as const;
    });
  }

  async get(names: readonly string[]): Promise<readonly (Kept | null)[] | Lost> {
    if (names.length === 0) return [];
    return this.guarded(async () => {
      const found = await this.redis.ffGet(names.length, ...names.map((name) => this.key(name)));
      if (!Array.isArray(found)) throw new Error('not an array');
      return names.map((_, i) => keptOf(found[2 * i], found[2 * i + 1]));
    });
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  private key(name: string): string {
    return `${this.options.keyPrefix}:${name}`;
  }

  private async guarded<T>(call: () => Promise<T>): Promise<T | Lost> {
    if (!this.breaker.enter()) return lost;
    try {
      const answer = await call();
      this.breaker.succeeded();
      this.tell('answered');
      return answer;
    } catch (error: unknown) {
      this.breaker.failed();
      // Whoever is late is not waited for: answers of that connection would queue up behind one another.
      if (isLate(error)) this.redis.disconnect(true);
      this.tell(error instanceof Error ? error.message : String(error));
      return lost;
    }
  }

  private tell(reason: string): void {
    const { closed } = this.breaker;
    if (closed === this.known) return;
    this.known = closed;
    this.options.onChange?.(closed, reason);
  }
}

/** The cache that a process is configured with, or null. */
export function openCache(
  config: { readonly redisUrl: string | null; readonly kafka: { readonly topicPrefix: string } },
  onChange: (available: boolean, reason: string) => void,
): RedisCache | null {
  const { redisUrl: url, kafka } = config;
  return url === null ? null : new RedisCache({ url, keyPrefix: kafka.topicPrefix, onChange });
}

function isLate(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

function keptOf(text: unknown, ageMs: unknown): Kept | null {
  return typeof text === 'string' && typeof ageMs === 'number' ? { text, ageMs } : null;
}
