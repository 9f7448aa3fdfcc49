import { type EventBody } from '@fluxforge/events/catalogue';
import { type LogPort, type RecordBatch } from '@fluxforge/events/log';
import { TenantLine } from '@fluxforge/events/owner-questions';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { type FollowedTopics } from './follower.js';
import { type OffsetRange } from './loader.js';
import { ForeignMismatch, PartitionFold } from './partition-fold.js';

/** More of the log lies before that time, behind the nearest snapshot, than one question may have read. */
export class HistoryTooLong extends Error {}

export interface PastBounds {
  /** Of both logs together. */
  readonly records: number;
  readonly spanMs: number;
}

export const pastBounds: PastBounds = { records: 200_000, spanMs: 8_000 };

const read = { maxBytes: 256 * 1024, timeoutMs: 5_000 };

export interface PastQuestion {
  readonly tenantId: string;
  readonly partition: number;
  readonly atMs: number;
}

interface Parts<State, Own extends EventBody, Foreign extends EventBody> {
  readonly log: LogPort;
  readonly topics: (partition: number) => FollowedTopics;
  readonly context: () => HostContext<State, unknown, unknown, Own, Foreign>;
  /** The newest that ends within these offsets. */
  readonly snapshot: (partition: number, within: OffsetRange) => Promise<Snapshot | null>;
  readonly nowMs: () => number;
  readonly bounds?: PastBounds;
}

/**
 * What a partition's owner had folded at a time in the past: the prefix of its log up to the first record that was
 * appended later. One at a time and in small pieces: the process has a partition to lead. Tenants take turns.
 */
export class PastStates<State, Own extends EventBody, Foreign extends EventBody> {
  private readonly bounds: PastBounds;
  private readonly line: TenantLine;

  constructor(private readonly parts: Parts<State, Own, Foreign>) {
    this.bounds = parts.bounds ?? pastBounds;
    this.line = new TenantLine({ waitMs: this.bounds.spanMs });
  }

  /**
   * What `read` makes of the state as of a time, which is its own; or how many records one question may have read, if
   * that is too few.
   * @throws TooManyQuestions, ReadError, ForeignMismatch
   */
  async answer(question: PastQuestion, read: (state: State) => unknown): Promise<unknown> {
    try {
      return await this.line.take(question.tenantId, async () => read(await this.fold(question)));
    } catch (error: unknown) {
      if (error instanceof HistoryTooLong) return { too_long: this.bounds.records };
      throw error;
    }
  }

  private async fold({ partition, atMs }: PastQuestion): Promise<State> {
    const { log, nowMs } = this.parts;
    const { own, foreign } = this.parts.topics(partition);
    const untilMs = nowMs() + this.bounds.spanMs;
    const end = await log.offsetAt(own, Math.floor(atMs) + 1);
    const lowest = Math.max(0, end - this.bounds.records);
    const from = await this.parts.snapshot(partition, { lowest, highest: end });
    const start = from?.position.next ?? 0;
    const spend = (records: number): void => {
      if (records > this.bounds.records || nowMs() > untilMs) throw new HistoryTooLong();
    };
    spend(end - start);
    const fold = new PartitionFold(this.parts.context(), partition, from);
    while (fold.next < end) {
      const batch = await log.read(own, fold.next, read);
      if (batch.next <= fold.next) throw new Error(`nothing can be read at ${fold.next}, before ${end}`);
      fold.feedOwn(before(end, batch));
      await others();
      spend(end - start);
    }
    const records = end - start + fold.foreignCovered - (from?.foreign.next ?? 0);
    spend(records);
    for (let at = fold.foreignWanted; at !== null; at = fold.foreignWanted) {
      const batch = await log.read(foreign, at, read);
      if (batch.next === at)
        throw new ForeignMismatch(`the other log ends at ${batch.end}, before what is covered`);
      fold.feedForeign(batch);
      await others();
      spend(records);
    }
    return fold.folded;
  }
}

function before(end: number, batch: RecordBatch): RecordBatch {
  if (batch.next <= end) return batch;
  return { records: batch.records.filter(({ offset }) => offset < end), next: end, end: batch.end };
}

function others(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
