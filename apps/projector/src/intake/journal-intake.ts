import { type ContextName } from '@fluxforge/events/catalogue';
import { header, PoisonRecord } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog, type Position } from '@fluxforge/events/journal';
import { type StoredRecord } from '@fluxforge/events/log';
import {
  atStart,
  projectedEventOf,
  projectEvents,
  viewsProjection,
  type ProjectedEvent,
  type ProjectionKey,
  type SqlRunner,
  type Standing,
} from '@fluxforge/read-models';
import { type Intake, type Judged, type Poisoned, type Step } from './intake.js';

/**
 * Events of one partition, read by the journal's one rule. What the rule does not accept never reaches a
 * view. While the reader is halted (a jump, a broken chain) nothing is projected and the position stays
 * at the last good record; records are still read, since a repair claim may lie ahead.
 */
export class JournalIntake implements Intake<ProjectedEvent> {
  readonly key: ProjectionKey;
  readonly isJournal = true;
  private reader = new JournalReader(startOfLog);
  private coversCommands = 0;
  private lastGood: Position = startOfLog;

  constructor(
    private readonly context: ContextName,
    private readonly partition: number,
  ) {
    this.key = { projection: viewsProjection, context, partition };
  }

  restart(at: Standing = atStart): void {
    this.reader = new JournalReader(at.position);
    this.lastGood = at.position;
    this.coversCommands = at.coversCommands;
  }

  judge(records: readonly StoredRecord[], next: number): Judged<ProjectedEvent> {
    const steps: Step<ProjectedEvent>[] = [];
    const poisoned: Poisoned[] = [];
    for (const record of records) {
      const { kind } = this.reader.read(record);
      if (this.reader.halted !== null) continue;
      this.lastGood = this.reader.position;
      if (kind === 'accepted' || kind === 'claim') this.take(record, steps, poisoned);
    }
    if (this.reader.halted === null) {
      this.reader.passTo(next);
      this.lastGood = this.reader.position;
    }
    return { steps, poisoned, end: this.standing(), halted: this.reader.halted };
  }

  async write(items: readonly ProjectedEvent[], sql: SqlRunner): Promise<void> {
    await projectEvents(items, sql);
  }

  private standing(): Standing {
    return { position: this.lastGood, coversCommands: this.coversCommands };
  }

  private take(record: StoredRecord, steps: Step<ProjectedEvent>[], poisoned: Poisoned[]): void {
    // Read apart from the body: a record that cannot be understood covers its inputs all the same.
    const covers = Number(record.headers[header.coversCommands] ?? NaN);
    if (covers > this.coversCommands) this.coversCommands = covers;
    try {
      const place = { context: this.context, partition: this.partition, hash: this.lastGood.hash };
      steps.push({ item: projectedEventOf(record, place), record, after: this.standing() });
    } catch (error: unknown) {
      if (!(error instanceof PoisonRecord)) throw error;
      poisoned.push({ record, reason: error.message });
    }
  }
}
