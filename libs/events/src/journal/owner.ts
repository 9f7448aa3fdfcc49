import {
  type AppendFailure,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
} from '@fluxforge/events/log';
import { Backoff } from './backoff.js';
import { type Pending } from './batch.js';
import { Candidacy, type Candidate, type Memory } from './candidacy.js';
import { type Ending } from './ending.js';
import { GroupWord } from './group-word.js';
import { type EpochTerm, type Position } from './position.js';
import { JournalReader } from './readers-rule.js';
import { Requests, type JournalRequest } from './requests.js';
import { Tenure } from './tenure.js';
import { TermsTried } from './terms-tried.js';

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

export interface OwnerSettings extends Candidate {
  /** For how long a sight of the log's end counts as fresh. */
  readonly confirmIntervalMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

type Stage =
  | { readonly name: 'idle' | 'restarting' | 'stopped' }
  | { readonly name: 'waiting'; readonly untilMs: number }
  | Candidacy
  | Tenure;

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
 * Reading, claiming and confirming are a `Candidacy`; leading, committing and doubting a `Tenure`. Every state
 * leaves for idle when revoked. Leaving a tenure for anything else voids the working state: it may hold events
 * that readers do not stand behind.
 */
export class JournalOwner {
  private stage: Stage = { name: 'idle' };
  private reader: JournalReader | null = null;
  private readonly memory: Memory;
  private readonly requests: Requests;

  constructor(
    private readonly settings: OwnerSettings,
    private readonly listener: OwnerListener,
  ) {
    const { backoffBaseMs, backoffMaxMs } = settings;
    const backoff = new Backoff(backoffBaseMs, backoffMaxMs);
    this.memory = { word: new GroupWord(), terms: new TermsTried(), backoff };
    this.requests = new Requests((request) => listener.request(request));
  }

  get state(): Stage['name'] {
    return this.stage.name;
  }

  get position(): Position | null {
    return this.reader?.position ?? null;
  }

  get terms(): EpochTerm {
    return this.memory.terms.claimed;
  }

  /** Whether a batch may be handed to `commit` now. */
  get idleLeading(): boolean {
    return this.stage.name === 'leading';
  }

  /** Whether the owner has lately seen the log as it believes it to be. */
  fresh(nowMs: number): boolean {
    return this.stage instanceof Tenure && this.stage.fresh(nowMs);
  }

  /** The group has placed the partition here at this generation. */
  assigned(generation: number, nowMs: number): void {
    this.memory.word.placed(generation);
    if (this.stage.name !== 'idle' && this.stage.name !== 'stopped') return;
    this.wait(null, nowMs);
    this.tick(nowMs);
  }

  revoked(): void {
    if (this.stage.name === 'idle') return;
    this.leave('revoked');
    this.stage = { name: 'idle' };
    this.reader = null;
  }

  /** A group heartbeat was answered at this generation. */
  heartbeat(generation: number, nowMs: number): void {
    this.memory.word.heard(generation, this.stage.name === 'waiting');
    this.tick(nowMs);
  }

  /** Where the emptied working state begins; see `onRestart`. */
  begin(from: Position): void {
    if (this.stage.name !== 'restarting') return;
    const reader = new JournalReader(from);
    this.reader = reader;
    const candidacy = new Candidacy(this.settings, this.memory, reader, this.requests, {
      accepted: (record) => this.accepted(record),
      counted: (claimOffset, sentAtMs, nowMs) => this.lead(reader, claimOffset, sentAtMs, nowMs),
      ended: (ending, nowMs) => this.end(ending, nowMs),
    });
    this.stage = candidacy;
    candidacy.begin();
  }

  /** Sends a batch. Only while `idleLeading`; one batch at a time. */
  commit(pending: readonly Pending[], nowMs: number): void {
    if (!(this.stage instanceof Tenure)) throw new Error(`commit while ${this.stage.name}`);
    this.stage.commit(pending, nowMs);
  }

  appended(id: number, baseOffset: number, nowMs: number): void {
    const { stage } = this;
    if (isAtWork(stage)) stage.appended(id, baseOffset, nowMs);
  }

  appendFailed(id: number, failure: AppendFailure, nowMs: number): void {
    const { stage } = this;
    if (isAtWork(stage)) stage.appendFailed(id, failure, nowMs);
  }

  readDone(id: number, batch: RecordBatch, nowMs: number): void {
    const { stage } = this;
    if (isAtWork(stage)) stage.readDone(id, batch, nowMs);
  }

  readFailed(id: number, failure: ReadFailure, nowMs: number): void {
    const { stage } = this;
    if (isAtWork(stage)) stage.readFailed(id, failure, nowMs);
  }

  /** Answer to a probe: the log's end offset. */
  probed(id: number, end: number, nowMs: number): void {
    if (this.stage instanceof Tenure) this.stage.probed(id, end, nowMs);
  }

  probeFailed(id: number): void {
    if (this.stage instanceof Tenure) this.stage.probeFailed(id);
  }

  /** Does what is due by the clock. */
  tick(nowMs: number): void {
    const { stage } = this;
    if (isAtWork(stage)) return stage.tick(nowMs);
    if (stage.name !== 'waiting' || nowMs < stage.untilMs || !this.memory.word.mayClaim) return;
    this.stage = { name: 'restarting' };
    this.listener.onRestart();
  }

  /** A person must look: what this owner depends on is not what it was. */
  halt(reason: string): void {
    if (this.stage.name !== 'idle') this.stop(reason);
  }

  private accepted(record: StoredRecord): boolean {
    this.listener.onAccepted(record);
    // The listener may halt in the middle of a batch.
    return this.stage.name !== 'stopped';
  }

  private lead(reader: JournalReader, claimOffset: number, sentAtMs: number, nowMs: number): void {
    this.stage = new Tenure(this.settings.confirmIntervalMs, sentAtMs, reader, this.requests, {
      committed: (baseOffset, atMs) => {
        this.memory.backoff.succeeded();
        this.listener.onCommitted(baseOffset, atMs);
      },
      ended: (ending, atMs) => this.end(ending, atMs),
    });
    this.listener.onLeading(claimOffset, nowMs);
  }

  private end(ending: Ending, nowMs: number): void {
    if (ending.kind === 'stopped') return this.stop(ending.reason);
    const { rivalGeneration } = ending;
    this.leave(ending.reason);
    this.wait(rivalGeneration, nowMs + this.memory.backoff.nextMs());
    if (rivalGeneration !== null) this.memory.word.forgetHeartbeats();
    this.reader = null;
  }

  private wait(rivalGeneration: number | null, untilMs: number): void {
    this.memory.word.wait(rivalGeneration);
    this.stage = { name: 'waiting', untilMs };
  }

  private stop(reason: string): void {
    this.leave(reason);
    this.stage = { name: 'stopped' };
    this.listener.onStopped(reason);
  }

  private leave(reason: string): void {
    if (this.stage.name !== 'idle' && this.stage.name !== 'waiting') this.listener.onFallen(reason);
  }
}

function isAtWork(stage: Stage): stage is Candidacy | Tenure {
  return stage instanceof Candidacy || stage instanceof Tenure;
}
