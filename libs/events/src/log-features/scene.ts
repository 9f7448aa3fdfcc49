import {
  AppendError,
  type LogPort,
  type LogRecord,
  type StoredRecord,
  type TopicPartition,
} from '../log/index.js';
import { type LogWorld } from './world.js';

export const APPEND_MS = 5_000;
/** For appends that are meant to run into their deadline. */
export const SHORT_MS = 400;

/** What the cases of the suite share: the world, and a fresh topic for each case. */
export class Scene {
  world!: LogWorld;
  tp!: TopicPartition;

  get log(): LogPort {
    return this.world.log;
  }

  append(...batch: LogRecord[]): Promise<number> {
    return this.log.append(this.tp, batch, { timeoutMs: APPEND_MS });
  }
}

export async function eventually(what: string, check: () => unknown, deadlineMs = 10_000): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const record = (text: string, headers: Record<string, string> = {}): LogRecord => ({
  key: 'tenant-1',
  value: Buffer.from(text),
  headers,
});
export const records = (...texts: string[]) => texts.map((text) => record(text));
export const textOf = ({ value }: StoredRecord) => String(value);

export async function contents(log: LogPort, tp: TopicPartition, from = 0): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (let at = from; ;) {
    const batch = await log.read(tp, at, { maxBytes: 1_000_000, timeoutMs: APPEND_MS });
    found.push(...batch.records);
    if (batch.next >= batch.end) return found;
    at = batch.next;
  }
}

export const texts = async (log: LogPort, tp: TopicPartition) => (await contents(log, tp)).map(textOf);

export async function failureOf(append: Promise<number>): Promise<string> {
  const error: unknown = await append.then(
    (base) => new Error(`it was acknowledged at ${base}`),
    (reason: unknown) => reason,
  );
  if (error instanceof AppendError) return error.failure;
  throw error;
}
