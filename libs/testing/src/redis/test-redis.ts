import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type RunningRedis } from '../../../../scripts/infra/index.mjs';

/** A Redis of the test's own, which it may empty, kill, pause and start again on the same port. */
export interface TestRedis {
  readonly url: string;
  set(key: string, value: string): Promise<void>;
  flush(): Promise<void>;
  /** How long each key still has; -1: for ever. */
  lifetimesMs(): Promise<number[]>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** `npm test` says beforehand, by this variable, why there is no Redis on the machine. */
const missing = process.env['FLUXFORGE_TEST_REDIS_MISSING'];

/** A suite that needs a real Redis: skipped, with the reason, where there is none to be had. */
export function describeWithRedis(name: string, suite: () => void): void {
  if (!missing) return describe(name, suite);
  console.warn(`skipped: ${name}: ${missing}`);
  describe.skip(name, suite);
}

export async function startTestRedis(): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'fluxforge-redis-'));
  const runId = process.env['FLUXFORGE_RUN_ID'];
  const start = (port?: number) =>
    startRedis({ dataDir: folder, ...(port === undefined ? {} : { port }), ...(runId ? { runId } : {}) });
  let running: RunningRedis = await start();
  const { url, port } = running;
  const ask = async <T>(question: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(url, { connectTimeout: 5_000, retryStrategy: () => null });
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  };
  return {
    url,
    set: (key, value) => ask(async (client) => void (await client.set(key, value))),
    flush: () => ask(async (client) => void (await client.flushall())),
    lifetimesMs: () =>
      ask(async (client) => Promise.all((await client.keys('*')).map((key) => client.pttl(key)))),
    kill: () => running.kill9(),
    restart: async () => {
      running = await start(port);
    },
    pause: () => void running.pause(),
    resume: () => void running.resume(),
    close: async () => {
      running.resume();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
