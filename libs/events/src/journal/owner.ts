import { type ContextName } from '@fluxforge/events/catalogue';
import {
  type AppendFailure,
  type LogRecord,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
} from '@fluxforge/events/log';
import { sameRecord, sealBatch, type Pending } from './batch.js';
import { claimRecord } from './claim.js';
import { type EpochTerm, type Position } from './position.js';
import { JournalReader } from './readers-rule.js';

/**
 * The owner's side of one events partition: claim, commit, doubt, standing down. A state machine without
 * I/O: inputs are its methods, what it wants done it says through `JournalRequest`s, what happened
 * through its listener. The log itself is the lock: whoever reads a prefix of it knows who owned it.
 *
 *   idle        not assigned.                       assigned -> waiting
 *   waiting     backing off; after a rival's claim also for a group heartbeat at its generation or later.
 *                                                   due -> restarting
 *   restarting  the listener empties its state and says where to begin.  begin -> reading
 *   reading     folding accepted records to the end. end -> claiming
 *   claiming    the claim's append is out.          acknowledged -> confirming; unknown or not written -> reading
 *   confirming  reading through the own claim.      counted -> leading; not -> waiting
 *   leading     may commit; probes the end when it has not heard from the log for a while.
 *   committing  one batch is out.                   as expected -> leading; higher -> doubting; unknown -> waiting
 *   doubting    somebody wrote in between: reading the gap. all mine -> leading; a rival -> waiting
 *   stopped     the log was truncated or is corrupt: a person must look. Only a new assignment leaves it.
 *
 * Every state leaves for idle when revoked. Leaving leading, committing or doubting for
 * anything else voids the working state: it may hold events that readers do not stand behind.
 */
export type JournalRequest =
  | { readonly kind: 'append'; readonly id: number; readonly records: readonly LogRecord[] }
  | { readonly kind: 'read'; readonly id: number; readonly from: number }
  | { readonly kind: 'probe'; readonly id: number };

export interface OwnerListener {
  request(request: JournalRequest): void;
  /** The working state is void: empty it, then call `begin` with the position it starts from. */
  onRestart(): void;
  /** A fact of the log, to be folded. Not called for the owner's own commits. */
  onAccepted(record: StoredRecord): void;
  onLeading(claimOffset: number, nowMs: number): void;
  /** The batch out is committed; `baseOffset` is its first offset. */
  onCommitted(baseOffset: number, nowMs: number): void;
  /** No longer leading. The working state is void. */
  onFallen(reason: string): void;
  onStopped(reason: string): void;
}

export interface OwnerSettings {
  readonly context: ContextName;
  readonly partition: number;
  /** Random, and fresh at each process start: two incarnations must never share one. */
  readonly ownerId: string;
  readonly address: string;
  readonly epoch: number;
  /** For how long a sight of the log's end counts as fresh. */
  readonly confirmIntervalMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

type Mode =
  | { readonly name: 'idle' | 'restarting' }
  | {
      readonly name: 'waiting';
      readonly untilMs: number;
      /** Of the rival's claim. Null: there is none to wait for. */
      readonly generation: number | null;
      /** Heartbeats since then at a lower generation. */
      readonly lowerBeats: number;
    }
  | { readonly name: 'reading'; readonly readId: number; readonly retryAtMs: number | null }
  | {
      readonly name: 'claiming';
      readonly appendId: number;
      readonly record: LogRecord;
      readonly terms: EpochTerm;
      readonly sentAtMs: number;
    }
  | {
      readonly name: 'confirming';
      readonly readId: number;
      readonly claimOffset: number;
      readonly sentAtMs: number;
      readonly retryAtMs: number | null;
    }
  | { readonly name: 'leading'; readonly probe: { readonly id: number; readonly sentAtMs: number } | null }
  | {
      readonly name: 'committing';
      readonly appendId: number;
      readonly out: Out;
      readonly retryAtMs: number | null;
      readonly tries: number;
    }
  | {
      readonly name: 'doubting';
      readonly readId: number;
      readonly out: Out | null;
      readonly through: number;
      /** Where the first of the own records was accepted: a copy further on may be what was acknowledged. */
      readonly base: number | null;
      readonly sentAtMs: number;
      readonly matched: number;
      readonly retryAtMs: number | null;
    }
  | { readonly name: 'stopped'; readonly reason: string };

interface Out {
  readonly records: readonly LogRecord[];
  readonly hash: string;
  readonly sentAtMs: number;
}

/**
 * A group's generation only rises while the group lives. Of two successful heartbeats in a row at least the
 * second was sent after the first was heard; if both are at a lower generation than the rival's claim, the
 * group was forgotten by its coordinator and began anew, and that claim's generation says nothing.
 */
const beatsThatShowReset = 2;

/** A batch that was surely not written is sent again this often before the term is given up. */
const maxNotWrittenTries = 20;
const retryDelayMs = 100;

export class JournalOwner {
  private mode: Mode = { name: 'idle' };
  private reader: JournalReader | null = null;
  private generation = -1;
  private heartbeatGeneration = -1;
  private failures = 0;
  private lastId = 0;
  /** Terms are never tried twice: a claim whose outcome is unknown may still land. */
  private highestTried: EpochTerm = { epoch: 0, term: 0 };
  private confirmedAsOfMs = Number.NEGATIVE_INFINITY;
  private claimTerms: EpochTerm = { epoch: 0, term: 0 };
  /** Generation of the last counted claim of somebody else, as far as it was read. */
  private rivalGeneration = -1;
  /** Generations up to this one are of a former life of the group. */
  private formerGeneration = -1;

  constructor(
    private readonly settings: OwnerSettings,
    private readonly listener: OwnerListener,
  ) {}

  get state(): Mode['name'] {
    return this.mode.name;
  }

  get position(): Position | null {
    return this.reader?.position ?? null;
  }

  get terms(): EpochTerm {
    return this.claimTerms;
  }

  /** Whether a batch may be handed to `commit` now. */
  get idleLeading(): boolean {
    return this.mode.name === 'leading';
  }

  /** The listener may halt in the middle of a batch. */
  private get stopped(): boolean {
    return this.mode.name === 'stopped';
  }

  get leads(): boolean {
    return this.mode.name === 'leading' || this.mode.name === 'committing' || this.mode.name === 'doubting';
  }

  /**
   * Whether the owner has lately seen the log as it believes it to be. Counted from when the question was
   * sent, not from when the answer was handled: a process that was stopped in between must not think itself fresh.
   */
  fresh(nowMs: number): boolean {
    return this.leads && nowMs - this.confirmedAsOfMs <= this.settings.confirmIntervalMs;
  }

  /** The group has placed the partition here at this generation. */
  assigned(generation: number, nowMs: number): void {
    this.generation = generation;
    this.heartbeatGeneration = Math.max(this.heartbeatGeneration, generation);
    if (this.mode.name === 'idle' || this.mode.name === 'stopped') {
      this.mode = { name: 'waiting', untilMs: nowMs, generation: null, lowerBeats: 0 };
      this.tick(nowMs);
    }
  }

  revoked(): void {
    if (this.mode.name === 'idle') return;
    this.leave('revoked');
    this.mode = { name: 'idle' };
    this.reader = null;
  }

  /** A group heartbeat was answered at this generation. */
  heartbeat(generation: number, nowMs: number): void {
    this.heartbeatGeneration = Math.max(this.heartbeatGeneration, generation);
    this.generation = generation;
    this.countLowerBeat(generation);
    this.tick(nowMs);
  }

  private countLowerBeat(generation: number): void {
    const { mode } = this;
    if (mode.name !== 'waiting' || mode.generation === null || generation >= mode.generation) return;
    const lowerBeats = mode.lowerBeats + 1;
    if (lowerBeats < beatsThatShowReset) this.mode = { ...mode, lowerBeats };
    else {
      this.formerGeneration = mode.generation;
      this.mode = { ...mode, generation: null };
    }
  }

  /** Where the emptied working state begins; see `onRestart`. */
  begin(from: Position, nowMs: number): void {
    if (this.mode.name !== 'restarting') return;
    this.reader = new JournalReader(from);
    this.rivalGeneration = -1;
    this.readOn(nowMs);
  }

  /** Sends a batch. Only while `idleLeading`; one batch at a time. */
  commit(pending: readonly Pending[], nowMs: number): void {
    if (this.mode.name !== 'leading' || !this.reader) throw new Error(`commit while ${this.mode.name}`);
    const sealed = sealBatch(this.reader.position, pending);
    const id = this.nextId();
    this.mode = {
      name: 'committing',
      appendId: id,
      out: { ...sealed, sentAtMs: nowMs },
      retryAtMs: null,
      tries: 0,
    };
    this.listener.request({ kind: 'append', id, records: sealed.records });
  }

  appended(id: number, baseOffset: number, nowMs: number): void {
    if (this.mode.name === 'claiming' && this.mode.appendId === id)
      return this.claimAppended(baseOffset, nowMs);
    if (this.mode.name === 'committing' && this.mode.appendId === id) this.batchAppended(baseOffset, nowMs);
  }

  appendFailed(id: number, failure: AppendFailure, nowMs: number): void {
    const mode = this.mode;
    if (mode.name === 'claiming' && mode.appendId === id) {
      // Nothing was speculated on yet: reading on from here shows whether the claim landed.
      if (failure === 'fatal') return this.stop('the claim was refused by the log');
      this.mode = { name: 'reading', readId: 0, retryAtMs: nowMs + this.backoffMs() };
      return;
    }
    if (mode.name !== 'committing' || mode.appendId !== id) return;
    if (failure === 'not-written' && mode.tries < maxNotWrittenTries) {
      this.mode = { ...mode, appendId: 0, retryAtMs: nowMs + retryDelayMs, tries: mode.tries + 1 };
      return;
    }
    if (failure === 'fatal') return this.stop('a batch was refused by the log');
    // It may have landed, may never land, may land in an hour. Nobody guesses: the term ends here.
    this.fall(`append outcome ${failure}`, nowMs, null);
  }

  readDone(id: number, batch: RecordBatch, nowMs: number): void {
    const mode = this.mode;
    if (mode.name === 'reading' && mode.readId === id) return this.readToEnd(batch, nowMs);
    if (mode.name === 'confirming' && mode.readId === id) return this.readThroughClaim(batch, mode, nowMs);
    if (mode.name === 'doubting' && mode.readId === id) this.readGap(batch, mode, nowMs);
  }

  readFailed(id: number, failure: ReadFailure, nowMs: number): void {
    const mode = this.mode;
    if (mode.name !== 'reading' && mode.name !== 'confirming' && mode.name !== 'doubting') return;
    if (mode.readId !== id) return;
    if (failure !== 'unavailable')
      return this.stop(`the log cannot be read where it was before (${failure})`);
    this.mode = { ...mode, readId: 0, retryAtMs: nowMs + retryDelayMs };
  }

  /** Answer to a probe: the log's end offset. */
  probed(id: number, end: number, _nowMs: number): void {
    const mode = this.mode;
    if (mode.name !== 'leading' || mode.probe?.id !== id || !this.reader) return;
    const expected = this.reader.position.next;
    if (end < expected) return this.stop(`the log was truncated: its end is ${end}, expected ${expected}`);
    if (end === expected) {
      this.confirmedAsOfMs = mode.probe.sentAtMs;
      this.mode = { name: 'leading', probe: null };
      return;
    }
    this.doubt(null, end - 1, mode.probe.sentAtMs);
  }

  probeFailed(id: number): void {
    if (this.mode.name === 'leading' && this.mode.probe?.id === id)
      this.mode = { name: 'leading', probe: null };
  }

  /** Does what is due by the clock. */
  tick(nowMs: number): void {
    const mode = this.mode;
    switch (mode.name) {
      case 'waiting':
        if (
          nowMs >= mode.untilMs &&
          (mode.generation === null || this.heartbeatGeneration >= mode.generation)
        ) {
          this.mode = { name: 'restarting' };
          this.listener.onRestart();
        }
        return;
      case 'reading':
        if (mode.retryAtMs !== null && nowMs >= mode.retryAtMs) this.readOn(nowMs);
        return;
      case 'confirming':
      case 'doubting':
        if (mode.retryAtMs !== null && nowMs >= mode.retryAtMs)
          this.mode = { ...mode, readId: this.requestRead(), retryAtMs: null };
        return;
      case 'committing':
        if (mode.retryAtMs !== null && nowMs >= mode.retryAtMs) this.sendAgain(mode.out, mode.tries, nowMs);
        return;
      case 'leading':
        if (mode.probe === null && nowMs - this.confirmedAsOfMs > this.settings.confirmIntervalMs / 2)
          this.probe(nowMs);
        return;
      case 'idle':
      case 'restarting':
      case 'claiming':
      case 'stopped':
        return;
    }
  }

  private nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  private requestRead(): number {
    const id = this.nextId();
    this.listener.request({ kind: 'read', id, from: this.reader?.position.next ?? 0 });
    return id;
  }

  private readOn(_nowMs: number): void {
    this.mode = { name: 'reading', readId: this.requestRead(), retryAtMs: null };
  }

  private readToEnd(batch: RecordBatch, nowMs: number): void {
    const reader = this.reader;
    if (!reader) return;
    for (const record of batch.records) {
      this.judge(reader, record);
      if (this.stopped) return;
    }
    reader.passTo(batch.next);
    if (reader.position.next < batch.end) return this.readOn(nowMs);
    if (reader.halted !== null) return this.stop(reader.halted);
    // Whoever was placed here later than this process last heard of the group has the better right.
    if (this.rivalGeneration > Math.max(this.heartbeatGeneration, this.formerGeneration))
      return this.fall('placed elsewhere since', nowMs, this.rivalGeneration);
    this.claim(reader, nowMs);
  }

  /** Folds what is accepted. */
  private judge(reader: JournalReader, record: StoredRecord): void {
    if (record.offset < reader.position.next) return;
    const verdict = reader.read(record);
    if (verdict.kind === 'accepted') this.listener.onAccepted(record);
    if (verdict.kind === 'claim') {
      this.rivalGeneration = reader.position.owner === this.settings.ownerId ? -1 : verdict.generation;
    }
  }

  private claim(reader: JournalReader, nowMs: number): void {
    const { epoch } = this.settings;
    const at = reader.position;
    if (at.epoch > epoch) return this.stop(`the log is at epoch ${at.epoch}, configured is ${epoch}`);
    const seen = at.epoch === epoch ? at.term : 0;
    const tried = this.highestTried.epoch === epoch ? this.highestTried.term : 0;
    const terms = { epoch, term: Math.max(seen, tried) + 1 };
    this.highestTried = terms;
    const record = this.claimRecord(terms, nowMs);
    const id = this.nextId();
    this.mode = { name: 'claiming', appendId: id, record, terms, sentAtMs: nowMs };
    this.listener.request({ kind: 'append', id, records: [record] });
  }

  private claimRecord(terms: EpochTerm, nowMs: number): LogRecord {
    return claimRecord({ ...this.settings, generation: Math.max(0, this.generation) }, terms, nowMs);
  }

  private claimAppended(claimOffset: number, nowMs: number): void {
    const { mode, reader } = this;
    if (mode.name !== 'claiming' || !reader) return;
    if (claimOffset < reader.position.next)
      return this.stop('the log was truncated: the claim lies below what was read');
    this.claimTerms = mode.terms;
    if (claimOffset === reader.position.next) {
      reader.read({ ...mode.record, offset: claimOffset, timestampMs: nowMs });
      return this.afterClaimRead(claimOffset, mode.sentAtMs, nowMs);
    }
    this.mode = {
      name: 'confirming',
      readId: this.requestRead(),
      claimOffset,
      sentAtMs: mode.sentAtMs,
      retryAtMs: null,
    };
  }

  private readThroughClaim(
    batch: RecordBatch,
    mode: Extract<Mode, { name: 'confirming' }>,
    nowMs: number,
  ): void {
    const reader = this.reader;
    if (!reader) return;
    for (const record of batch.records) {
      if (record.offset > mode.claimOffset) break;
      this.judge(reader, record);
      if (this.stopped) return;
    }
    reader.passTo(Math.min(batch.next, mode.claimOffset + 1));
    if (reader.position.next <= mode.claimOffset) {
      this.mode = { ...mode, readId: this.requestRead() };
      return;
    }
    this.afterClaimRead(mode.claimOffset, mode.sentAtMs, nowMs);
  }

  /** The reader stands right behind the claim: it counted if the reader now believes in this owner and term. */
  private afterClaimRead(claimOffset: number, sentAtMs: number, nowMs: number): void {
    const at = this.reader?.position;
    const { epoch, term } = this.claimTerms;
    if (!at || at.owner !== this.settings.ownerId || at.epoch !== epoch || at.term !== term || at.seq !== 0) {
      return this.fall(
        'the claim did not count',
        nowMs,
        this.rivalGeneration < 0 ? null : this.rivalGeneration,
      );
    }
    this.confirmedAsOfMs = sentAtMs;
    this.mode = { name: 'leading', probe: null };
    this.listener.onLeading(claimOffset, nowMs);
  }

  private batchAppended(base: number, nowMs: number): void {
    const { mode, reader } = this;
    if (mode.name !== 'committing' || !reader) return;
    const expected = reader.position.next;
    if (base < expected)
      return this.stop(`the log was truncated: a batch came to lie at ${base}, expected ${expected}`);
    const { out } = mode;
    if (base > expected) return this.doubt(out, base + out.records.length - 1, out.sentAtMs);
    reader.acceptOwnBatch(out.records.length, out.hash);
    this.committed(base, out.sentAtMs, nowMs);
  }

  private committed(base: number, sentAtMs: number, nowMs: number): void {
    this.failures = 0;
    this.confirmedAsOfMs = Math.max(this.confirmedAsOfMs, sentAtMs);
    this.mode = { name: 'leading', probe: null };
    this.listener.onCommitted(base, nowMs);
  }

  private sendAgain(out: Out, tries: number, nowMs: number): void {
    const id = this.nextId();
    this.mode = {
      name: 'committing',
      appendId: id,
      out: { ...out, sentAtMs: nowMs },
      retryAtMs: null,
      tries,
    };
    this.listener.request({ kind: 'append', id, records: out.records });
  }

  private doubt(out: Out | null, through: number, sentAtMs: number): void {
    this.mode = {
      name: 'doubting',
      readId: this.requestRead(),
      out,
      through,
      base: null,
      sentAtMs,
      matched: 0,
      retryAtMs: null,
    };
  }

  private readGap(batch: RecordBatch, mode: Extract<Mode, { name: 'doubting' }>, nowMs: number): void {
    const reader = this.reader;
    if (!reader) return;
    let { matched, base } = mode;
    for (const record of batch.records) {
      if (record.offset > mode.through) break;
      if (record.offset < reader.position.next) continue;
      const verdict = reader.read(record);
      if (verdict.kind === 'claim') return this.fall('a newer claim', nowMs, verdict.generation);
      if (verdict.kind === 'corrupt') return this.stop(verdict.message);
      if (verdict.kind === 'skipped') continue;
      const sent = mode.out?.records[matched];
      if (!sent || !sameRecord(sent, record))
        return this.fall('the log holds what was not sent', nowMs, null);
      base ??= record.offset;
      matched += 1;
    }
    reader.passTo(Math.min(batch.next, mode.through + 1));
    if (reader.position.next <= mode.through) {
      this.mode = { ...mode, readId: this.requestRead(), matched, base };
      return;
    }
    this.resolveDoubt({ ...mode, matched, base }, nowMs);
  }

  private resolveDoubt(mode: Extract<Mode, { name: 'doubting' }>, nowMs: number): void {
    const { out, matched, base } = mode;
    if (out === null) {
      this.confirmedAsOfMs = mode.sentAtMs;
      this.mode = { name: 'leading', probe: null };
      return;
    }
    if (base === null || matched !== out.records.length) {
      return this.fall('the batch was not accepted', nowMs, null);
    }
    this.committed(base, mode.sentAtMs, nowMs);
  }

  private probe(nowMs: number): void {
    const id = this.nextId();
    this.mode = { name: 'leading', probe: { id, sentAtMs: nowMs } };
    this.listener.request({ kind: 'probe', id });
  }

  /** Ends the term. After a rival's claim, only a heartbeat at its generation or later lets this one claim again. */
  private fall(reason: string, nowMs: number, rivalGeneration: number | null): void {
    this.leave(reason);
    this.mode = {
      name: 'waiting',
      untilMs: nowMs + this.backoffMs(),
      generation: rivalGeneration,
      lowerBeats: 0,
    };
    // A heartbeat from before the rival's claim says nothing about who is assigned now.
    if (rivalGeneration !== null) this.heartbeatGeneration = -1;
    this.reader = null;
  }

  /** A person must look: what this owner depends on is not what it was. */
  halt(reason: string): void {
    if (this.mode.name !== 'idle') this.stop(reason);
  }

  private stop(reason: string): void {
    this.leave(reason);
    this.mode = { name: 'stopped', reason };
    this.listener.onStopped(reason);
  }

  private leave(reason: string): void {
    if (this.mode.name !== 'idle' && this.mode.name !== 'waiting') this.listener.onFallen(reason);
  }

  private backoffMs(): number {
    this.failures += 1;
    return Math.min(
      this.settings.backoffMaxMs,
      this.settings.backoffBaseMs * 2 ** Math.min(this.failures - 1, 16),
    );
  }
}
