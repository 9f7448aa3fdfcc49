import {
  type LogPort,
  type ReadError,
  type RecordBatch,
  type Tail,
  type TopicPartition,
} from '@fluxforge/events/log';
import { startOfLog } from '@fluxforge/events/journal';
import { atStart, StoreUnavailable, type ProjectionStore, type Standing } from '@fluxforge/read-models';
import { type DeadLetters } from '../dead-letters/dead-letters.js';
import { type Intake, type Judged, type Step } from '../intake/intake.js';
import { backoffMs, pause } from './backoff.js';
import { type Watch } from './watch.js';

export interface ProjectionParts {
  readonly log: LogPort;
  readonly store: ProjectionStore;
  readonly deadLetters: DeadLetters;
  /** Records in one transaction at most. */
  readonly maxBatch: number;
  readonly random: () => number;
}

/**
 * The projection of one partition of one topic.
 *
 * starting: reads the stored position, retried while Postgres is away -> following.
 * following: each batch is judged and written with its position. Postgres away: the batch is held (and
 *   with it the fetching) and tried again. The position is not the expected one: another process has
 *   moved it -> starting, after a pause.
 * parked: offsets that are gone or lie beyond the end: stays so until the partition is assigned anew.
 * stopped: by `stop`, final.
 *
 * A halted journal reader stays in following, since a repair claim may come; it writes nothing meanwhile.
 */
export class PartitionProjection<Item> {
  private readonly stopping = new AbortController();
  private stored = atStart;
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    readonly tp: TopicPartition,
    private readonly intake: Intake<Item>,
    private readonly tail: Tail,
    private readonly parts: ProjectionParts,
    private readonly watch: Watch,
  ) {}

  start(): void {
    void this.tracked(this.begin());
  }

  /** Resolves when what is under way has come to its end, whichever. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.tail.unfollow(this.tp);
    await Promise.all(this.underWay);
    this.watch.gone();
  }

  onBatch(batch: RecordBatch): Promise<void> {
    return this.tracked(this.take(batch));
  }

  onError(error: ReadError): void {
    if (this.stopped) return;
    if (error.failure === 'unavailable') this.watch.logUnavailable(error);
    else if (error.failure === 'out-of-range' && !this.intake.isJournal) {
      void this.tracked(this.skipExpired(error));
    } else {
      // History that the position speaks of is gone: going on anywhere else would hide it.
      this.watch.parked(error.message);
    }
  }

  /** Work that `stop` waits for. What fails here is nothing that passes: the partition is parked. */
  private async tracked(work: Promise<void>): Promise<void> {
    const ended = work.catch((error: unknown) => {
      this.tail.unfollow(this.tp);
      this.watch.parked(error instanceof Error ? error.message : String(error));
    });
    this.underWay.add(ended);
    await ended;
    this.underWay.delete(ended);
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async begin(): Promise<void> {
    const standing = await this.untilDone(async () => {
      const found = await this.parts.store.standing(this.intake.key);
      if (found) return found;
      const first = this.intake.isJournal ? atStart : await this.firstOfTelemetry();
      await this.parts.store.begin(this.intake.key, first);
      return first;
    });
    if (standing === undefined || this.stopped) return;
    this.restartAt(standing);
  }

  private restartAt(standing: Standing): void {
    this.stored = standing;
    this.intake.restart(standing);
    this.watch.started(standing);
    this.tail.follow(this.tp, standing.position.next);
  }

  private async take(batch: RecordBatch): Promise<void> {
    const { maxBatch } = this.parts;
    for (let i = 0; i === 0 || i < batch.records.length; i += maxBatch) {
      if (this.stopped) return;
      const records = batch.records.slice(i, i + maxBatch);
      const isLast = i + maxBatch >= batch.records.length;
      const next = isLast ? batch.next : records.at(-1)!.offset + 1;
      if (!(await this.project(this.intake.judge(records, next), records.length))) return;
      this.watch.reached(this.stored, batch.end, records.at(-1)?.timestampMs ?? null);
    }
  }

  /** False when the projection does not go on from here. */
  private async project(judged: Judged<Item>, records: number): Promise<boolean> {
    for (const poisoned of judged.poisoned) {
      const parked = await this.untilDone(async () => {
        await this.parts.deadLetters.park(this.tp, poisoned);
        return true;
      });
      if (!parked) return false;
    }
    this.watch.halted(judged.halted);
    if (judged.end.position.next === this.stored.position.next) return true;
    return this.write(judged.steps, judged.end, records);
  }

  /**
   * Writes the steps and moves the position to `end`. When Postgres refuses the rows themselves, halves
   * are tried until the one step that it refuses stands alone: that one is parked, and the rest goes on.
   */
  private async write(steps: readonly Step<Item>[], end: Standing, records: number): Promise<boolean> {
    try {
      return await this.commit(steps, end, records);
    } catch (error: unknown) {
      const reason = error instanceof Error ? error.message : String(error);
      if (steps.length === 0) throw error;
      if (steps.length > 1) {
        const half = steps.length >> 1;
        const first = steps.slice(0, half);
        return (
          (await this.write(first, first.at(-1)!.after, half)) &&
          (await this.write(steps.slice(half), end, steps.length - half))
        );
      }
      const poisoned = { record: steps[0]!.record, reason: `it cannot be projected: ${reason}` };
      return this.project({ steps: [], poisoned: [poisoned], end, halted: null }, records);
    }
  }

  private async commit(steps: readonly Step<Item>[], end: Standing, records: number): Promise<boolean> {
    const items = steps.map((step) => step.item);
    const stopTimer = this.watch.transaction(records);
    const outcome = await this.untilDone(() => this.commitOnce(items, end));
    if (outcome === undefined) return false;
    stopTimer();
    if (outcome === 'elsewhere') {
      void this.tracked(this.standBack());
      return false;
    }
    this.stored = end;
    return true;
  }

  /** An earlier try may have been committed without an answer: then the table is there already. */
  private async commitOnce(items: readonly Item[], end: Standing): Promise<'committed' | 'elsewhere'> {
    const expected = this.stored.position.next;
    const outcome = await this.parts.store.commit(this.intake.key, expected, end, (sql) =>
      this.intake.write(items, sql),
    );
    if (outcome === 'committed') return outcome;
    const found = await this.parts.store.standing(this.intake.key);
    const isThere = found?.position.next === end.position.next && found.position.hash === end.position.hash;
    return isThere ? 'committed' : 'elsewhere';
  }

  /** Another process writes this projection, or did until just now. Whoever is assigned goes on from the table. */
  private async standBack(): Promise<void> {
    this.watch.elsewhere();
    this.tail.unfollow(this.tp);
    if (await pause(backoffMs(3, this.parts.random), this.stopping.signal)) await this.begin();
  }

  private async skipExpired(error: ReadError): Promise<void> {
    const first = await this.untilDone(() => this.firstOfTelemetry());
    if (first === undefined) return;
    this.watch.skipped(error, this.stored.position.next, first.position.next);
    const moved = await this.untilDone(() =>
      this.parts.store.commit(this.intake.key, this.stored.position.next, first, async () => {}),
    );
    if (moved === 'committed') this.restartAt(first);
    else if (moved === 'elsewhere') await this.standBack();
  }

  private async firstOfTelemetry(): Promise<Standing> {
    const { low } = await this.parts.log.offsets(this.tp);
    return { ...atStart, position: { ...startOfLog, next: low } };
  }

  /**
   * Tries until it is done, with growing pauses, while what fails may pass; undefined when stopped. The
   * batch at hand waits here, and no other is fetched: memory stays bounded however long it takes.
   */
  private async untilDone<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; !this.stopped; failures += 1) {
      try {
        const result = await work();
        this.watch.storeAnswers();
        return result;
      } catch (error: unknown) {
        if (!isPassing(error)) throw error;
        this.watch.retry(error);
        await pause(backoffMs(failures, this.parts.random), this.stopping.signal);
      }
    }
    return undefined;
  }
}

/** Kafka's errors as well as Postgres's: both come back. */
function isPassing(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  const failure = (error as { failure?: unknown } | null)?.failure;
  return failure === 'not-written' || failure === 'unknown' || failure === 'unavailable';
}
