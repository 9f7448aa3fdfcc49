import { PoisonRecord } from '@fluxforge/events/envelope';
import { startOfLog } from '@fluxforge/events/journal';
import { type StoredRecord } from '@fluxforge/events/log';
import { type ProjectionKey, type SqlRunner, type Standing } from '@fluxforge/read-models';
import { type Intake, type Judged, type Poisoned, type Step } from './intake.js';

export interface TelemetryKind<Row> {
  /** Null: this record says nothing for these rows. */
  decode(record: StoredRecord): Row | null;
  write(rows: readonly Row[], sql: SqlRunner): Promise<void>;
}

/** Records of a telemetry topic: no journal stands behind them, so an offset is all of a position. */
export class TelemetryIntake<Row> implements Intake<Row> {
  readonly isJournal = false;
  private next = 0;

  constructor(
    readonly key: ProjectionKey,
    private readonly kind: TelemetryKind<Row>,
  ) {}

  restart(at: Standing): void {
    this.next = at.position.next;
  }

  judge(records: readonly StoredRecord[], next: number): Judged<Row> {
    const steps: Step<Row>[] = [];
    const poisoned: Poisoned[] = [];
    for (const record of records) {
      // Handed over again after a restart at the same place.
      if (record.offset < this.next) continue;
      this.next = record.offset + 1;
      this.take(record, steps, poisoned);
    }
    this.next = Math.max(this.next, next);
    return { steps, poisoned, end: this.standing(), halted: null };
  }

  async write(rows: readonly Row[], sql: SqlRunner): Promise<void> {
    await this.kind.write(rows, sql);
  }

  private standing(): Standing {
    return { position: { ...startOfLog, next: this.next }, coversCommands: 0 };
  }

  private take(record: StoredRecord, steps: Step<Row>[], poisoned: Poisoned[]): void {
    try {
      const item = this.kind.decode(record);
      if (item !== null) steps.push({ item, record, after: this.standing() });
    } catch (error: unknown) {
      if (!(error instanceof PoisonRecord)) throw error;
      poisoned.push({ record, reason: error.message });
    }
  }
}
