import { type LogRecord, type RecordBatch } from '@fluxforge/events/log';
import { sameRecord } from './batch.js';
import { type JournalReader } from './readers-rule.js';

/** What came of reading on. */
export type Finding =
  | { readonly kind: 'unread' }
  /** Nothing but what was sent is accepted; `base` is the first of it, null when nothing was sent. */
  | { readonly kind: 'mine'; readonly base: number | null }
  | { readonly kind: 'rival'; readonly generation: number }
  | { readonly kind: 'void'; readonly reason: string }
  | { readonly kind: 'corrupt'; readonly message: string };

/**
 * Somebody wrote between what the owner had read and where its batch, or the log's end, came to lie. The gap
 * is read by the readers' rule: the term goes on only if readers accept in it exactly what was sent.
 */
export class Doubt {
  private matched = 0;
  /** Where the first of the own records was accepted: a copy further on may be what was acknowledged. */
  private base: number | null = null;

  constructor(
    private readonly sent: readonly LogRecord[],
    /** The last offset of the gap. */
    private readonly through: number,
  ) {}

  read(reader: JournalReader, batch: RecordBatch): Finding {
    for (const record of batch.records) {
      if (record.offset > this.through) break;
      if (record.offset < reader.position.next) continue;
      const verdict = reader.read(record);
      if (verdict.kind === 'claim') return { kind: 'rival', generation: verdict.generation };
      if (verdict.kind === 'corrupt') return verdict;
      if (verdict.kind === 'skipped') continue;
      const sent = this.sent[this.matched];
      if (!sent || !sameRecord(sent, record))
        return { kind: 'void', reason: 'the log holds what was not sent' };
      this.base ??= record.offset;
      this.matched += 1;
    }
    reader.passTo(Math.min(batch.next, this.through + 1));
    if (reader.position.next <= this.through) return { kind: 'unread' };
    if (this.matched !== this.sent.length) return { kind: 'void', reason: 'the batch was not accepted' };
    return { kind: 'mine', base: this.base };
  }
}
