import { header, parseBody } from '@fluxforge/events/envelope';
import { type StoredRecord } from '@fluxforge/events/log';
import { recordHash } from './chain.js';
import { formatPosition, formatTerm, higherTerm, parseTerm, type Position } from './position.js';

/**
 * The one rule by which every reader of an events partition, its owner included, tells what happened
 * from what merely lies in the log.
 *
 * A claim counts if its (epoch, term) is higher than every one before it. A record is accepted if its term and
 * owner are those of the last claim that counted and its `seq` is the next one. Anything else is a late
 * write of a former owner or a resent batch, and is skipped. A jump in `seq`, or a broken hash chain, is
 * corruption: the reader halts at its last good position, until a repair claim names that position.
 *
 * States: reading -> halted (jump, broken chain) -> reading (repair claim that names our position).
 */
export type Verdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'claim'; readonly address: string; readonly generation: number }
  | {
      readonly kind: 'skipped';
      readonly reason:
        'stale-term' | 'stale-claim' | 'duplicate' | 'foreign-owner' | 'no-journal-headers' | 'halted';
    }
  | { readonly kind: 'corrupt'; readonly message: string };

export class JournalReader {
  private haltedBecause: string | null = null;
  /** The term as records carry it: nearly every record is of the current one and need not be parsed. */
  private termText: string;

  constructor(private at: Position) {
    this.termText = formatTerm(at);
  }

  /** Where this reader stands: all before it is judged. */
  get position(): Position {
    return this.at;
  }

  /** Why the reader has halted, or null while it reads. */
  get halted(): string | null {
    return this.haltedBecause;
  }

  /** Judges the record at `offset`, which must not lie below the position. */
  read(record: StoredRecord): Verdict {
    if (record.offset < this.at.next) {
      return {
        kind: 'corrupt',
        message: `offset ${record.offset} read again; the reader stands at ${this.at.next}`,
      };
    }
    const term = record.headers[header.term];
    const owner = record.headers[header.owner];
    if (!term || !owner) return this.skip(record, 'no-journal-headers');
    if (isClaim(record)) return this.readClaim(record, term, owner);
    if (this.haltedBecause !== null) return this.skip(record, 'halted');
    return this.readEvent(record, term, owner);
  }

  /**
   * The owner's short cut: its batch was acknowledged exactly where it was expected, so nobody wrote in
   * between and every reader will accept it. `hash` is that of the batch's last record.
   */
  acceptOwnBatch(count: number, hash: string): void {
    this.at = { ...this.at, next: this.at.next + count, seq: this.at.seq + count, hash };
  }

  /** Passes over offsets that hold no records for readers (control records). */
  passTo(next: number): void {
    if (next > this.at.next) this.at = { ...this.at, next };
  }

  private readClaim(record: StoredRecord, term: string, owner: string): Verdict {
    const terms = parseTerm(term);
    if (!terms) return this.skip(record, 'no-journal-headers');
    if (!higherTerm(terms, this.at)) return this.skip(record, 'stale-claim');
    const claim = claimOf(record);
    if (claim === null) return this.skip(record, 'no-journal-headers');
    if (this.haltedBecause !== null && !this.repairs(claim.repairFrom)) return this.skip(record, 'halted');
    this.haltedBecause = null;
    this.at = { next: record.offset + 1, ...terms, owner, seq: 0, hash: recordHash(record) };
    this.termText = formatTerm(terms);
    return { kind: 'claim', address: claim.address, generation: claim.generation };
  }

  private readEvent(record: StoredRecord, term: string, owner: string): Verdict {
    if (term !== this.termText)
      return this.skip(record, parseTerm(term) ? 'stale-term' : 'no-journal-headers');
    if (owner !== this.at.owner) return this.skip(record, 'foreign-owner');
    const seq = Number(record.headers[header.seq]);
    if (seq <= this.at.seq) return this.skip(record, 'duplicate');
    if (seq !== this.at.seq + 1)
      return this.halt(`seq jumps from ${this.at.seq} to ${seq} at offset ${record.offset}`);
    if (record.headers[header.previous] !== this.at.hash)
      return this.halt(`the hash chain breaks at offset ${record.offset}`);
    const { epoch, term: number } = this.at;
    this.at = { next: record.offset + 1, epoch, term: number, owner, seq, hash: recordHash(record) };
    return accepted;
  }

  private repairs(from: unknown): boolean {
    // The position is compared without `next`: garbage after it is what the repair passes over.
    if (typeof from !== 'object' || from === null) return false;
    const named = { ...(from as Position), next: this.at.next };
    return formatPosition(named) === formatPosition(this.at);
  }

  private skip(record: StoredRecord, reason: Extract<Verdict, { kind: 'skipped' }>['reason']): Verdict {
    this.at = { ...this.at, next: record.offset + 1 };
    return { kind: 'skipped', reason };
  }

  private halt(message: string): Verdict {
    this.haltedBecause = message;
    return { kind: 'corrupt', message };
  }
}

const accepted: Verdict = { kind: 'accepted' };

/** Of any version: what a claim does must not hang on what a newer one says besides. */
function isClaim(record: StoredRecord): boolean {
  return record.headers[header.type]?.startsWith('journal.claimed.v') ?? false;
}

function claimOf(record: StoredRecord): { address: string; generation: number; repairFrom: unknown } | null {
  try {
    const body = parseBody(record.value) as {
      address?: unknown;
      generation?: unknown;
      repair_from?: unknown;
    };
    if (typeof body.address !== 'string' || typeof body.generation !== 'number') return null;
    return { address: body.address, generation: body.generation, repairFrom: body.repair_from };
  } catch {
    return null;
  }
}
