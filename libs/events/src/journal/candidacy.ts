import { type ContextName } from '@fluxforge/events/catalogue';
import {
  type AppendFailure,
  type LogRecord,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
} from '@fluxforge/events/log';
import { type Backoff } from './backoff.js';
import { claimRecord } from './claim.js';
import { fallen, retryDelayMs, stopped, unreadable, type Ending } from './ending.js';
import { type GroupWord } from './group-word.js';
import { type EpochTerm } from './position.js';
import { type JournalReader } from './readers-rule.js';
import { type Requests } from './requests.js';

import { type TermsTried } from './terms-tried.js';

/** Who claims. */
export interface Candidate {
  readonly context: ContextName;
  readonly partition: number;
  /** Random, and fresh at each process start: two incarnations must never share one. */
  readonly ownerId: string;
  readonly address: string;
  readonly epoch: number;
}

/** What an owner remembers from one term to the next. */
export interface Memory {
  readonly word: GroupWord;
  readonly terms: TermsTried;
  readonly backoff: Backoff;
}

export interface CandidacyEnds {
  /** A fact of the log. False: it must not be read on. */
  accepted(record: StoredRecord): boolean;
  /** The claim counts; `sentAtMs` is when it was sent. */
  counted(claimOffset: number, sentAtMs: number, nowMs: number): void;
  ended(ending: Ending, nowMs: number): void;
}

type Mode =
  | { readonly name: 'reading'; readonly readId: number | null; readonly retryAtMs: number | null }
  | {
      readonly name: 'claiming';
      readonly appendId: number;
      readonly record: LogRecord;
      readonly terms: EpochTerm;
      readonly sentAtMs: number;
    }
  | {
      readonly name: 'confirming';
      readonly readId: number | null;
      readonly claimOffset: number;
      readonly sentAtMs: number;
      readonly retryAtMs: number | null;
    };

/**
 * From an emptied state to a claim that counts: reading, claiming and confirming of `JournalOwner`. Nothing is
 * speculated on here, so an append of unknown outcome needs no more than reading on.
 */
export class Candidacy {
  private mode: Mode = { name: 'reading', readId: null, retryAtMs: null };

  constructor(
    private readonly candidate: Candidate,
    private readonly memory: Memory,
    private readonly reader: JournalReader,
    private readonly requests: Requests,
    private readonly ends: CandidacyEnds,
  ) {}

  begin(): void {
    this.memory.word.forgetRivals();
    this.readOn();
  }

  get name(): Mode['name'] {
    return this.mode.name;
  }

  appended(id: number, baseOffset: number, nowMs: number): void {
    const { mode } = this;
    if (mode.name === 'claiming' && mode.appendId === id) this.claimAppended(mode, baseOffset, nowMs);
  }

  appendFailed(id: number, failure: AppendFailure, nowMs: number): void {
    const { mode } = this;
    if (mode.name !== 'claiming' || mode.appendId !== id) return;
    if (failure === 'fatal') return this.ends.ended(stopped('the claim was refused by the log'), nowMs);
    // Reading on from here shows whether the claim landed.
    this.mode = { name: 'reading', readId: null, retryAtMs: nowMs + this.memory.backoff.nextMs() };
  }

  readDone(id: number, batch: RecordBatch, nowMs: number): void {
    const { mode } = this;
    if (mode.name === 'reading' && mode.readId === id) return this.readToEnd(batch, nowMs);
    if (mode.name === 'confirming' && mode.readId === id) this.readThroughClaim(mode, batch, nowMs);
  }

  readFailed(id: number, failure: ReadFailure, nowMs: number): void {
    const { mode } = this;
    if (mode.name === 'claiming' || mode.readId !== id) return;
    if (failure !== 'unavailable') return this.ends.ended(unreadable(failure), nowMs);
    this.mode = { ...mode, readId: null, retryAtMs: nowMs + retryDelayMs };
  }

  tick(nowMs: number): void {
    const { mode } = this;
    if (mode.name === 'claiming' || mode.retryAtMs === null || nowMs < mode.retryAtMs) return;
    this.mode = { ...mode, readId: this.requestRead(), retryAtMs: null };
  }

  private requestRead(): number {
    return this.requests.read(this.reader.position.next);
  }

  private readOn(): void {
    this.mode = { name: 'reading', readId: this.requestRead(), retryAtMs: null };
  }

  private readToEnd(batch: RecordBatch, nowMs: number): void {
    const { reader, memory } = this;
    for (const record of batch.records) {
      if (!this.judge(record)) return;
    }
    reader.passTo(batch.next);
    if (reader.position.next < batch.end) return this.readOn();
    if (reader.halted !== null) return this.ends.ended(stopped(reader.halted), nowMs);
    // Whoever was placed here later than this process last heard of the group has the better right.
    if (memory.word.isOutdated) return this.fall('placed elsewhere since', nowMs);
    this.claim(nowMs);
  }

  /** Folds what is accepted. False when it must not be read on. */
  private judge(record: StoredRecord): boolean {
    const { reader } = this;
    if (record.offset < reader.position.next) return true;
    const verdict = reader.read(record);
    if (verdict.kind === 'claim') {
      const isOwn = reader.position.owner === this.candidate.ownerId;
      this.memory.word.claimRead(isOwn ? null : verdict.generation);
    }
    return verdict.kind !== 'accepted' || this.ends.accepted(record);
  }

  private claim(nowMs: number): void {
    const { epoch } = this.candidate;
    const { word, terms: tried } = this.memory;
    const at = this.reader.position;
    if (at.epoch > epoch) {
      const reason = `the log is at epoch ${at.epoch}, configured is ${epoch}`;
      return this.ends.ended(stopped(reason), nowMs);
    }
    const terms = tried.next(epoch, at);
    const record = claimRecord({ ...this.candidate, generation: word.generation }, terms, nowMs);
    const appendId = this.requests.append([record]);
    this.mode = { name: 'claiming', appendId, record, terms, sentAtMs: nowMs };
  }

  private claimAppended(mode: Extract<Mode, { name: 'claiming' }>, claimOffset: number, nowMs: number): void {
    const { reader } = this;
    const { next } = reader.position;
    if (claimOffset < next) {
      const reason = 'the log was truncated: the claim lies below what was read';
      return this.ends.ended(stopped(reason), nowMs);
    }
    this.memory.terms.land(mode.terms);
    if (claimOffset === next) {
      reader.read({ ...mode.record, offset: claimOffset, timestampMs: nowMs });
      return this.afterClaimRead(claimOffset, mode.sentAtMs, nowMs);
    }
    const { sentAtMs } = mode;
    this.mode = { name: 'confirming', readId: this.requestRead(), claimOffset, sentAtMs, retryAtMs: null };
  }

  private readThroughClaim(
    mode: Extract<Mode, { name: 'confirming' }>,
    batch: RecordBatch,
    nowMs: number,
  ): void {
    const { reader } = this;
    for (const record of batch.records) {
      if (record.offset > mode.claimOffset) break;
      if (!this.judge(record)) return;
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
    const at = this.reader.position;
    const { epoch, term } = this.memory.terms.claimed;
    const isOwn = at.owner === this.candidate.ownerId && at.epoch === epoch && at.term === term;
    if (!isOwn || at.seq !== 0) return this.fall('the claim did not count', nowMs);
    this.ends.counted(claimOffset, sentAtMs, nowMs);
  }

  private fall(reason: string, nowMs: number): void {
    this.ends.ended(fallen(reason, this.memory.word.rivalGeneration), nowMs);
  }
}
