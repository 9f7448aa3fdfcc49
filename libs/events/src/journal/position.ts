/**
 * A place in an events partition. An offset alone is none: at one offset two readers can stand with
 * different beliefs about who owns the partition. Terms are (epoch, term): a restore from backup raises
 * the epoch, so that terms of the lost future never count again.
 */
export interface Position {
  /** The offset that will be read next. */
  readonly next: number;
  readonly epoch: number;
  readonly term: number;
  /** Owner of the last claim that counted; empty before the first. */
  readonly owner: string;
  /** `seq` of the last accepted record of that term; 0 right after a claim. */
  readonly seq: number;
  /** Hash of the last accepted record, claims included; empty before the first. */
  readonly hash: string;
}

export const startOfLog: Position = { next: 0, epoch: 0, term: 0, owner: '', seq: 0, hash: '' };

/** Text form, as headers carry it: `NEXT/EPOCH.TERM/OWNER/SEQ/HASH`. */
export function formatPosition(p: Position): string {
  return `${p.next}/${p.epoch}.${p.term}/${p.owner}/${p.seq}/${p.hash}`;
}

export function parsePosition(text: string): Position | null {
  const parts = text.split('/');
  if (parts.length !== 5) return null;
  const [next, epochTerm, owner, seq, hash] = parts as [string, string, string, string, string];
  const terms = parseTerm(epochTerm);
  const position = { next: Number(next), ...terms, owner, seq: Number(seq), hash };
  if (!terms || !Number.isSafeInteger(position.next) || !Number.isSafeInteger(position.seq)) return null;
  return { next: position.next, epoch: terms.epoch, term: terms.term, owner, seq: position.seq, hash };
}

export interface EpochTerm {
  readonly epoch: number;
  readonly term: number;
}

export function parseTerm(text: string): EpochTerm | null {
  const dot = text.indexOf('.');
  if (dot <= 0) return null;
  const epoch = Number(text.slice(0, dot));
  const term = Number(text.slice(dot + 1));
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(term) || epoch < 0 || term < 0) return null;
  return { epoch, term };
}

export function formatTerm(t: EpochTerm): string {
  return `${t.epoch}.${t.term}`;
}

export function higherTerm(a: EpochTerm, b: EpochTerm): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.term > b.term);
}

export function samePosition(a: Position, b: Position): boolean {
  return formatPosition(a) === formatPosition(b);
}
