import { JournalReader, startOfLog, type Position, type Verdict } from '@fluxforge/events/journal';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';

export type SkipReason = Extract<Verdict, { kind: 'skipped' }>['reason'];

/** What readers make of an events partition, from its start to its end. */
export interface JournalReport {
  readonly claims: number;
  readonly accepted: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Of the log, when it was read. */
  readonly endOffset: number;
  /** Behind the last record that was judged; while halted, the last good position. */
  readonly position: Position;
  /** Each record at which readers halted, in order. */
  readonly corruptions: readonly { readonly offset: number; readonly message: string }[];
  /** Why readers are halted at the end, or null: then they have come through, by repairs if there were corruptions. */
  readonly halted: string | null;
}

const readMaxBytes = 4 * 1024 * 1024;
const readTimeoutMs = 10_000;

/**
 * Reads the whole partition by the reader's rule, hash chain included.
 * @throws ReadError, as `out-of-range` when the log no longer begins at its first record
 */
export async function verifyJournal(
  log: LogPort,
  events: TopicPartition,
  onRead: (next: number, end: number) => void = () => undefined,
): Promise<JournalReport> {
  const reader = new JournalReader(startOfLog);
  let claims = 0;
  let accepted = 0;
  let good: Position = startOfLog;
  const skipped: Partial<Record<SkipReason, number>> = {};
  const corruptions: { offset: number; message: string }[] = [];
  for (;;) {
    const batch = await log.read(events, reader.position.next, {
      maxBytes: readMaxBytes,
      timeoutMs: readTimeoutMs,
    });
    for (const record of batch.records) {
      const verdict = reader.read(record);
      if (verdict.kind === 'claim') claims += 1;
      else if (verdict.kind === 'accepted') accepted += 1;
      else if (verdict.kind === 'skipped') skipped[verdict.reason] = (skipped[verdict.reason] ?? 0) + 1;
      else corruptions.push({ offset: record.offset, message: verdict.message });
      if (reader.halted === null) good = reader.position;
    }
    reader.passTo(batch.next);
    onRead(batch.next, batch.end);
    if (batch.next >= batch.end) {
      const position = reader.halted === null ? reader.position : good;
      return {
        claims,
        accepted,
        skipped,
        endOffset: batch.end,
        position,
        corruptions,
        halted: reader.halted,
      };
    }
  }
}
