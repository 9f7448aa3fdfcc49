import { type ContextName } from '@fluxforge/events/catalogue';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import { atStart, ProjectionStore, Rebuild, rebuildSchema } from '@fluxforge/read-models';
import { type Logger } from '@fluxforge/telemetry';
import { JournalIntake } from '../intake/journal-intake.js';

export interface RebuildParts {
  readonly log: LogPort;
  readonly topics: Topics;
  readonly url: string;
  readonly logger: Logger;
}

export interface RebuildResult {
  readonly records: number;
  readonly poisoned: number;
}

const readBytes = 1_048_576;
const readTimeoutMs = 10_000;
const maxBatch = 1_000;

/**
 * Makes every view that is a fold of the log anew from offset 0, beside the live ones, and swaps. The live
 * projector goes on meanwhile; for the last records it is held, so that the swap never goes back in time.
 */
export async function rebuildViews(parts: RebuildParts): Promise<RebuildResult> {
  const rebuild = await Rebuild.begin(parts.url);
  const store = new ProjectionStore({ url: parts.url, poolSize: 2, schema: rebuildSchema });
  try {
    const lines = await linesOf(parts, store);
    for (const line of lines) await line.catchUp();
    const hold = await rebuild.holdLive();
    try {
      for (const line of lines) await line.catchUp();
      assertNotBehind(lines, hold.next);
    } catch (error: unknown) {
      await hold.release();
      throw error;
    }
    await hold.swap();
    return {
      records: lines.reduce((sum, line) => sum + line.next, 0),
      poisoned: lines.reduce((sum, line) => sum + line.poisoned, 0),
    };
  } finally {
    await store.close();
    await rebuild.end();
  }
}

async function linesOf(parts: RebuildParts, store: ProjectionStore): Promise<Line[]> {
  const { topics, log } = parts;
  const { partitions } = await log.topicSettings(topics.events.tasks);
  const lines: Line[] = [];
  for (const context of ['tasks', 'states'] as const) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const tp = { topic: topics.events[context], partition };
      const line = new Line(tp, context, parts, store);
      await line.begin();
      lines.push(line);
    }
  }
  return lines;
}

function assertNotBehind(lines: readonly Line[], live: ReadonlyMap<string, number>): void {
  for (const { context, tp, next } of lines) {
    const liveNext = live.get(`${context}/${tp.partition}`) ?? 0;
    if (next < liveNext) {
      throw new Error(
        `${context}/${tp.partition}: the live views stand at ${liveNext}, the log gives only ${next}`,
      );
    }
  }
}

/** One partition of one context, read from its beginning. */
class Line {
  private readonly intake: JournalIntake;
  private readFrom = 0;
  private committed = atStart;
  poisoned = 0;

  constructor(
    readonly tp: TopicPartition,
    readonly context: ContextName,
    private readonly parts: RebuildParts,
    private readonly store: ProjectionStore,
  ) {
    this.intake = new JournalIntake(context, tp.partition);
  }

  get next(): number {
    return this.committed.position.next;
  }

  async begin(): Promise<void> {
    await this.store.begin(this.intake.key, atStart);
    this.intake.restart(atStart);
  }

  async catchUp(): Promise<void> {
    for (;;) {
      const options = { maxBytes: readBytes, timeoutMs: readTimeoutMs };
      const { records, next } = await this.parts.log.read(this.tp, this.readFrom, options);
      if (next === this.readFrom) return;
      for (let i = 0; i === 0 || i < records.length; i += maxBatch) {
        const portion = records.slice(i, i + maxBatch);
        const isLast = i + maxBatch >= records.length;
        await this.project(portion, isLast ? next : portion.at(-1)!.offset + 1);
      }
      this.readFrom = next;
    }
  }

  private async project(records: Parameters<JournalIntake['judge']>[0], next: number): Promise<void> {
    const { steps, poisoned, end } = this.intake.judge(records, next);
    // They lie in the dead letters already, from the first time.
    this.poisoned += poisoned.length;
    for (const { record, reason } of poisoned) {
      this.parts.logger.warn({ ...this.tp, offset: record.offset, reason }, 'poison record passed over');
    }
    if (end.position.next === this.next) return;
    const items = steps.map((step) => step.item);
    const outcome = await this.store.commit(this.intake.key, this.next, end, (sql) =>
      this.intake.write(items, sql),
    );
    if (outcome !== 'committed') throw new Error('somebody else writes into the rebuild');
    this.committed = end;
  }
}
