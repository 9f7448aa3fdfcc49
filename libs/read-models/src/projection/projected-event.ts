import { type ContextName, type Fact } from '@fluxforge/events/catalogue';
import { decodeEvent, type RecordedEvent } from '@fluxforge/events/envelope';
import { type StoredRecord } from '@fluxforge/events/log';

/** An accepted event with its place, as the views take it in. */
export interface ProjectedEvent extends RecordedEvent {
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
  readonly hash: string;
  /** The fact's time as the views write it. */
  readonly time: string;
}

export type FactOf<T extends Fact['type']> = Extract<Fact, { readonly type: T }>;

export function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** Times that a machine reported can be beyond what a date can hold. */
const maxDateMs = 8.64e15;

export function isoOrNull(timeMs: number | undefined): string | null {
  return timeMs === undefined || timeMs > maxDateMs ? null : isoOf(timeMs);
}

/**
 * The event of a record that the journal's reader has accepted; `hash` is the record's own.
 * @throws PoisonRecord
 */
export function projectedEventOf(
  record: StoredRecord,
  place: { readonly context: ContextName; readonly partition: number; readonly hash: string },
): ProjectedEvent {
  const recorded = decodeEvent(record);
  return { ...recorded, ...place, offset: record.offset, time: isoOf(recorded.fact.timeMs) };
}
