import { header } from '@fluxforge/events/envelope';
import { type LogRecord } from '@fluxforge/events/log';
import { recordHash } from './chain.js';
import { formatPosition, formatTerm, type Position } from './position.js';

/** The durable inputs that are covered with a record: the record and all before it hold all their events. */
export interface Covered {
  /** Next offset of the commands partition. */
  readonly commands: number;
  /** Position in the other context's events partition. */
  readonly foreign: Position;
}

/** An event that waits to be appended, with what is covered once it is. */
export interface Pending {
  readonly record: LogRecord;
  readonly covered: Covered;
}

export interface SealedBatch {
  readonly records: readonly LogRecord[];
  /** Hash of the last record. */
  readonly hash: string;
}

/** Gives records their place in the chain behind `at`: term, owner, seq, covered inputs, hash of the one before. */
export function sealBatch(at: Position, pending: readonly Pending[]): SealedBatch {
  const term = formatTerm(at);
  let hash = at.hash;
  let seq = at.seq;
  const records: LogRecord[] = [];
  for (const { record, covered } of pending) {
    seq += 1;
    const sealed: LogRecord = {
      key: record.key,
      value: record.value,
      headers: {
        ...record.headers,
        [header.term]: term,
        [header.owner]: at.owner,
        [header.seq]: String(seq),
        [header.previous]: hash,
        [header.coversCommands]: String(covered.commands),
        [header.coversForeign]: formatPosition(covered.foreign),
      },
    };
    hash = recordHash(sealed);
    records.push(sealed);
  }
  return { records, hash };
}

/** Whether the log holds exactly what was sent. */
export function sameRecord(sent: LogRecord, stored: LogRecord): boolean {
  // The hash stands for all hashed headers and the value.
  return recordHash(sent) === recordHash(stored);
}
