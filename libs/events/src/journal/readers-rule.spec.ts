import { encodeEvent, header } from '@fluxforge/events/envelope';
import { type LogRecord, type StoredRecord } from '@fluxforge/events/log';
import {
  formatPosition,
  formatTerm,
  JournalReader,
  parsePosition,
  sealBatch,
  startOfLog,
  type EpochTerm,
  type Position,
} from './index.js';

const provenance = { actor: 'a', reason: null, causationId: 'c', correlationId: 'c', traceparent: null };
const origin = { context: 'tasks', id: 'x', timeMs: 0, provenance, commandId: null } as const;

function claim(terms: EpochTerm, owner: string, more: object = {}): LogRecord {
  const data = { address: `${owner}:1`, generation: 7, ...more };
  const record = encodeEvent(
    { type: 'journal.claimed', tenantId: 'system', subject: owner, data },
    { ...origin, id: `claim-${formatTerm(terms)}-${owner}` },
  );
  return {
    ...record,
    headers: { ...record.headers, [header.term]: formatTerm(terms), [header.owner]: owner },
  };
}

/** What an owner at `at` would append. */
function batch(at: Position, ...names: string[]): readonly LogRecord[] {
  return sealBatch(
    at,
    names.map((name) => ({
      record: encodeEvent(
        { type: 'journal.progress', tenantId: 'system', subject: name, data: {} },
        { ...origin, id: name },
      ),
      covered: { commands: 3, foreign: startOfLog },
    })),
  ).records;
}

/** A partition with a reader at its end. */
class Log {
  readonly records: StoredRecord[] = [];
  readonly reader = new JournalReader(startOfLog);
  readonly verdicts: string[] = [];

  append(...records: readonly LogRecord[]): this {
    for (const record of records) {
      const stored = { ...record, offset: this.records.length, timestampMs: 0 };
      this.records.push(stored);
      const verdict = this.reader.read(stored);
      this.verdicts.push(verdict.kind === 'skipped' ? verdict.reason : verdict.kind);
    }
    return this;
  }

  get at(): Position {
    return this.reader.position;
  }
}

const term1 = { epoch: 1, term: 1 };
const term2 = { epoch: 1, term: 2 };

describe("the reader's rule", () => {
  it('accepts the records of the last claim that counted, in seq order', () => {
    const log = new Log().append(claim(term1, 'a'));
    log.append(...batch(log.at, 'e1', 'e2'));
    expect(log.verdicts).toEqual(['claim', 'accepted', 'accepted']);
    expect(log.at).toMatchObject({ next: 3, epoch: 1, term: 1, owner: 'a', seq: 2 });
  });

  it('skips the late write of a former owner, and a copy of a batch', () => {
    const log = new Log().append(claim(term1, 'a'));
    const late = batch(log.at, 'late');
    log.append(claim(term2, 'b'));
    const mine = batch(log.at, 'e1', 'e2');
    log.append(...late, ...mine, ...mine);
    expect(log.verdicts.slice(2)).toEqual(['stale-term', 'accepted', 'accepted', 'duplicate', 'duplicate']);
  });

  it('counts no claim at an equal or a lower term, whoever makes it', () => {
    const log = new Log().append(claim(term2, 'a'), claim(term2, 'b'), claim(term1, 'c'), claim(term2, 'a'));
    expect(log.verdicts).toEqual(['claim', 'stale-claim', 'stale-claim', 'stale-claim']);
    expect(log.at).toMatchObject({ owner: 'a', term: 2 });
  });

  it('orders terms by epoch first', () => {
    const log = new Log().append(claim({ epoch: 1, term: 9 }, 'a'), claim({ epoch: 2, term: 1 }, 'b'));
    expect(log.at).toMatchObject({ epoch: 2, term: 1, owner: 'b' });
  });

  it('does not accept the same term under another owner', () => {
    const log = new Log().append(claim(term1, 'a'));
    const forged = batch({ ...log.at, owner: 'b' }, 'e1');
    expect(log.append(...forged).verdicts.at(-1)).toBe('foreign-owner');
  });

  it('halts at a jump in seq, loudly, and stays halted', () => {
    const log = new Log().append(claim(term1, 'a'));
    const [, second] = batch(log.at, 'e1', 'e2');
    log.append(second!, ...batch(log.at, 'e1'));
    expect(log.verdicts.slice(1)).toEqual(['corrupt', 'halted']);
    expect(log.reader.halted).toContain('seq jumps from 0 to 2');
  });

  it('halts where the hash chain breaks', () => {
    const log = new Log().append(claim(term1, 'a'));
    log.append(...batch(log.at, 'e1'));
    log.append(...batch({ ...log.at, hash: 'another' }, 'e2'));
    expect(log.reader.halted).toContain('hash chain');
  });

  it('lets nobody go on after corruption but a repair claim that names the last good position', () => {
    const log = new Log().append(claim(term1, 'a'));
    log.append(...batch(log.at, 'e1'));
    const good = log.at;
    log.append(...batch({ ...log.at, seq: 4 }, 'jump'), claim(term2, 'b'));
    expect(log.verdicts.slice(-2)).toEqual(['corrupt', 'halted']);
    log.append(claim({ epoch: 1, term: 3 }, 'c', { repair_from: { ...good, hash: 'other' } }));
    expect(log.reader.halted).not.toBeNull();
    log.append(claim({ epoch: 1, term: 3 }, 'd', { repair_from: good }));
    expect(log.reader.halted).toBeNull();
    log.append(...batch(log.at, 'e2'));
    expect(log.verdicts.at(-1)).toBe('accepted');
  });

  it('passes over records of no journal, and refuses to read backwards', () => {
    const log = new Log().append({ key: null, value: Buffer.from('{}'), headers: {} });
    expect(log.verdicts).toEqual(['no-journal-headers']);
    expect(log.reader.read(log.records[0]!).kind).toBe('corrupt');
  });

  it('gives two readers one history, wherever the second one starts from a full position', () => {
    const log = new Log().append(claim(term1, 'a'));
    log.append(...batch(log.at, 'e1', 'e2'), claim(term2, 'b'));
    const half = parsePosition(formatPosition(log.at))!;
    log.append(...batch(log.at, 'e3'));
    const second = new JournalReader(half);
    for (const record of log.records.slice(half.next)) second.read(record);
    expect(second.position).toEqual(log.at);
  });

  it('keeps a position in text, and takes no half of one', () => {
    const at = { next: 12, epoch: 1, term: 3, owner: 'o-x_1', seq: 4, hash: 'h_-' };
    expect(parsePosition(formatPosition(at))).toEqual(at);
    expect(parsePosition(formatPosition(startOfLog))).toEqual(startOfLog);
    for (const bad of ['', '12', '1/2/3/4/5', 'x/1.1/o/1/h', '1/1.1/o/x/h'])
      expect(parsePosition(bad)).toBeNull();
  });
});
