import {
  type AppendFailure,
  type LogRecord,
  type ReadFailure,
  type RecordBatch,
} from '@fluxforge/events/log';
import { sealBatch, type Pending } from './batch.js';
import { Doubt } from './doubt.js';
import { fallen, retryDelayMs, stopped, unreadable, type Ending } from './ending.js';
import { type JournalReader } from './readers-rule.js';
import { type Requests } from './requests.js';

export interface TenureEnds {
  /** The batch out is committed; `baseOffset` is its first offset. */
  committed(baseOffset: number, nowMs: number): void;
  ended(ending: Ending, nowMs: number): void;
}

type Mode =
  | { readonly name: 'leading'; readonly probe: { readonly id: number; readonly sentAtMs: number } | null }
  | {
      readonly name: 'committing';
      readonly appendId: number | null;
      readonly out: Out;
      readonly retryAtMs: number | null;
      readonly tries: number;
    }
  | {
      readonly name: 'doubting';
      readonly readId: number | null;
      readonly doubt: Doubt;
      readonly sentAtMs: number;
      readonly retryAtMs: number | null;
    };

interface Out {
  readonly records: readonly LogRecord[];
  readonly hash: string;
  readonly sentAtMs: number;
}

/** A batch that was surely not written is sent again this often before the term is given up. */
const maxNotWrittenTries = 20;

/** The time of one counted claim, from there to its end: leading, committing and doubting of `JournalOwner`. */
export class Tenure {
  private mode: Mode = { name: 'leading', probe: null };

  constructor(
    private readonly confirmIntervalMs: number,
    /** When the last question was sent whose answer showed the log as it was believed to be. */
    private confirmedAsOfMs: number,
    private readonly reader: JournalReader,
    private readonly requests: Requests,
    private readonly ends: TenureEnds,
  ) {}

  get name(): Mode['name'] {
    return this.mode.name;
  }

  /**
   * Counted from when the question was sent, not from when the answer was handled: a process that was stopped
   * in between must not think itself fresh.
   */
  fresh(nowMs: number): boolean {
    return nowMs - this.confirmedAsOfMs <= this.confirmIntervalMs;
  }

  commit(pending: readonly Pending[], nowMs: number): void {
    if (this.mode.name !== 'leading') throw new Error(`commit while ${this.mode.name}`);
    this.send({ ...sealBatch(this.reader.position, pending), sentAtMs: nowMs }, 0);
  }

  appended(id: number, base: number, nowMs: number): void {
    const { mode, reader } = this;
    if (mode.name !== 'committing' || mode.appendId !== id) return;
    const { out } = mode;
    const expected = reader.position.next;
    if (base < expected) {
      const reason = `the log was truncated: a batch came to lie at ${base}, expected ${expected}`;
      return this.ends.ended(stopped(reason), nowMs);
    }
    if (base > expected) return this.doubt(out.records, base + out.records.length - 1, out.sentAtMs);
    reader.acceptOwnBatch(out.records.length, out.hash);
    this.committed(base, out.sentAtMs, nowMs);
  }

  appendFailed(id: number, failure: AppendFailure, nowMs: number): void {
    const { mode } = this;
    if (mode.name !== 'committing' || mode.appendId !== id) return;
    if (failure === 'not-written' && mode.tries < maxNotWrittenTries) {
      this.mode = { ...mode, appendId: null, retryAtMs: nowMs + retryDelayMs, tries: mode.tries + 1 };
      return;
    }
    if (failure === 'fatal') return this.ends.ended(stopped('a batch was refused by the log'), nowMs);
    // It may have landed, may never land, may land in an hour. Nobody guesses: the term ends here.
    this.ends.ended(fallen(`append outcome ${failure}`), nowMs);
  }

  readDone(id: number, batch: RecordBatch, nowMs: number): void {
    const { mode } = this;
    if (mode.name !== 'doubting' || mode.readId !== id) return;
    const found = mode.doubt.read(this.reader, batch);
    switch (found.kind) {
      case 'unread':
        this.mode = { ...mode, readId: this.requestRead() };
        return;
      case 'mine':
        if (found.base === null) return this.confirmed(mode.sentAtMs);
        return this.committed(found.base, mode.sentAtMs, nowMs);
      case 'rival':
        return this.ends.ended(fallen('a newer claim', found.generation), nowMs);
      case 'void':
        return this.ends.ended(fallen(found.reason), nowMs);
      case 'corrupt':
        return this.ends.ended(stopped(found.message), nowMs);
    }
  }

  readFailed(id: number, failure: ReadFailure, nowMs: number): void {
    const { mode } = this;
    if (mode.name !== 'doubting' || mode.readId !== id) return;
    if (failure !== 'unavailable') return this.ends.ended(unreadable(failure), nowMs);
    this.mode = { ...mode, readId: null, retryAtMs: nowMs + retryDelayMs };
  }

  /** Answer to a probe: the log's end offset. */
  probed(id: number, end: number, nowMs: number): void {
    const { mode } = this;
    if (mode.name !== 'leading' || mode.probe?.id !== id) return;
    const expected = this.reader.position.next;
    if (end < expected) {
      const reason = `the log was truncated: its end is ${end}, expected ${expected}`;
      return this.ends.ended(stopped(reason), nowMs);
    }
    if (end === expected) return this.confirmed(mode.probe.sentAtMs);
    this.doubt([], end - 1, mode.probe.sentAtMs);
  }

  probeFailed(id: number): void {
    if (this.mode.name === 'leading' && this.mode.probe?.id === id)
      this.mode = { name: 'leading', probe: null };
  }

  tick(nowMs: number): void {
    const { mode } = this;
    if (mode.name === 'leading') return this.probeWhenDue(mode.probe !== null, nowMs);
    if (mode.retryAtMs === null || nowMs < mode.retryAtMs) return;
    if (mode.name === 'committing') this.send({ ...mode.out, sentAtMs: nowMs }, mode.tries);
    else this.mode = { ...mode, readId: this.requestRead(), retryAtMs: null };
  }

  private probeWhenDue(isOut: boolean, nowMs: number): void {
    if (isOut || nowMs - this.confirmedAsOfMs <= this.confirmIntervalMs / 2) return;
    this.mode = { name: 'leading', probe: { id: this.requests.probe(), sentAtMs: nowMs } };
  }

  private requestRead(): number {
    return this.requests.read(this.reader.position.next);
  }

  private send(out: Out, tries: number): void {
    const appendId = this.requests.append(out.records);
    this.mode = { name: 'committing', appendId, out, retryAtMs: null, tries };
  }

  private doubt(sent: readonly LogRecord[], through: number, sentAtMs: number): void {
    const doubt = new Doubt(sent, through);
    this.mode = { name: 'doubting', readId: this.requestRead(), doubt, sentAtMs, retryAtMs: null };
  }

  private committed(base: number, sentAtMs: number, nowMs: number): void {
    this.confirmed(Math.max(this.confirmedAsOfMs, sentAtMs));
    this.ends.committed(base, nowMs);
  }

  private confirmed(asOfMs: number): void {
    this.confirmedAsOfMs = asOfMs;
    this.mode = { name: 'leading', probe: null };
  }
}
