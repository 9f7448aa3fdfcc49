import { type EventBody } from '@fluxforge/events/catalogue';
import { type LogPort, type RecordBatch } from '@fluxforge/events/log';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { type FollowedTopics } from './follower.js';
import { ForeignMismatch, PartitionFold } from './partition-fold.js';

/** More of the log lies before that time, behind the newest snapshot of it, than one question may have read. */
export class HistoryTooLong extends Error {}

/** One question is being answered; who asks now is to ask again. */
export class PastIsBusy extends Error {}

export interface PastBounds {
  /** Of both logs together. */
  readonly records: number;
  readonly spanMs: number;
}

export const pastBounds: PastBounds = { records: 200_000, spanMs: 8_000 };

const read = { maxBytes: 256 * 1024, timeoutMs: 5_000 };

interface Parts<State, Own extends EventBody, Foreign extends EventBody> {
  readonly log: LogPort;
  readonly topics: (partition: number) => FollowedTopics;
  readonly context: () => HostContext<State, unknown, unknown, Own, Foreign>;
  /** One that begins after the wanted time is of no use, and the log is read from its start. */
  readonly snapshot: (partition: number) => Promise<Snapshot | null>;
  readonly nowMs: () => number;
  readonly bounds?: PastBounds;
}

/**
 * What a partition's owner had folded at a time in the past: the prefix of its log up to the first record that was
 * appended later. One at a time and in small pieces: the process has a partition to lead.
 */
export class PastStates<State, Own extends EventBody, Foreign extends EventBody> {
  private busy = false;
  private readonly bounds: PastBounds;

  constructor(private readonly parts: Parts<State, Own, Foreign>) {
    this.bounds = parts.bounds ?? pastBounds;
  }

  /** What `read` makes of the state as of a time; or how many records one question may have read, if that is too few. */
  async answer(partition: number, atMs: number, read: (state: State) => unknown): Promise<unknown> {
    try {
      return read(await this.at(partition, atMs));
    } catch (error: unknown) {
      if (error instanceof HistoryTooLong) return { too_long: this.bounds.records };
      throw error;
    }
  }

  /**
   * The caller's own, nothing else holds it.
   * @throws HistoryTooLong, PastIsBusy, ReadError
   */
  async at(partition: number, atMs: number): Promise<State> {
    if (this.busy) throw new PastIsBusy();
    this.busy = true;
    try {
      return await this.fold(partition, atMs);
    } finally {
      this.busy = false;
    }
  }

  private async fold(partition: number, atMs: number): Promise<State> {
    const { log, nowMs } = this.parts;
    const { own, foreign } = this.parts.topics(partition);
    const untilMs = nowMs() + this.bounds.spanMs;
    const end = await log.offsetAt(own, Math.floor(atMs) + 1);
    const newest = await this.parts.snapshot(partition);
    const from = newest && newest.position.next <= end ? newest : null;
    const fold = new PartitionFold(this.parts.context(), partition, from);
    const start = from?.position.next ?? 0;
    const spend = (records: number): void => {
      if (records > this.bounds.records || nowMs() > untilMs) throw new HistoryTooLong();
    };
    spend(end - start);
    while (fold.next < end) {
      const batch = await log.read(own, fold.next, read);
      if (batch.next <= fold.next) throw new Error(`nothing can be read at ${fold.next}, before ${end}`);
      fold.feedOwn(before(end, batch));
      await others();
      spend(end - start);
    }
    let foreignRead = 0;
    for (let at = fold.foreignWanted; at !== null; at = fold.foreignWanted) {
      const batch = await log.read(foreign, at, read);
      if (batch.next === at)
        throw new ForeignMismatch(`the other log ends at ${batch.end}, before what is covered`);
      fold.feedForeign(batch);
      foreignRead += batch.next - at;
      await others();
      spend(end - start + foreignRead);
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
