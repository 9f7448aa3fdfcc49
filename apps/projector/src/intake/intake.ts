import { type StoredRecord } from '@fluxforge/events/log';
import { type ProjectionKey, type SqlRunner, type Standing } from '@fluxforge/read-models';

/** A record that changes rows, with where the projection stands once it is in them. */
export interface Step<Item> {
  readonly item: Item;
  readonly record: StoredRecord;
  readonly after: Standing;
}

export interface Poisoned {
  readonly record: StoredRecord;
  readonly reason: string;
}

/** What came of a run of records. `end` also covers those that change nothing. */
export interface Judged<Item> {
  readonly steps: readonly Step<Item>[];
  readonly poisoned: readonly Poisoned[];
  readonly end: Standing;
  /** Why the log cannot be read on, as of the end of this run; null while all is well. */
  readonly halted: string | null;
}

/** What sets one topic's projection apart from another's: how records are judged, and what they write. */
export interface Intake<Item> {
  readonly key: ProjectionKey;
  /** Of a journal: offsets that are not there mean lost history. Telemetry expires by design. */
  readonly isJournal: boolean;
  /** (Re)starts the judging where the table says. */
  restart(at: Standing): void;
  /** `next` is the offset after these records, holes included. */
  judge(records: readonly StoredRecord[], next: number): Judged<Item>;
  write(items: readonly Item[], sql: SqlRunner): Promise<void>;
}
