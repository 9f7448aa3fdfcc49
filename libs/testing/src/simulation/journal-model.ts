import { type ContextName } from '@fluxforge/events/catalogue';
import { decodeEvent, header, type RecordedEvent } from '@fluxforge/events/envelope';
import {
  formatTerm,
  JournalReader,
  parsePosition,
  startOfLog,
  type EpochTerm,
} from '@fluxforge/events/journal';
import { type StoredRecord } from '@fluxforge/events/log';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

export interface Accepted {
  readonly event: RecordedEvent;
  readonly offset: number;
  /** When the last claim before it was made, by its owner's clock. */
  readonly claimedAtMs: number;
  /** Up to where the other context's log was taken in. */
  readonly foreignNext: number;
}

interface Claim extends EpochTerm {
  readonly owner: string;
  readonly landedAtMs: number;
}

/**
 * What every reader of one events partition believes, by the production reader, record by record as they
 * land. Nothing else in the simulation says what happened.
 */
export class JournalModel {
  readonly accepted: Accepted[] = [];
  readonly reader = new JournalReader(startOfLog);
  private readonly byOffset = new Map<number, Accepted>();
  private readonly claims: Claim[] = [];
  private readonly claimOfTerm = new Map<string, number>();
  private readonly ids = new Set<string>();
  private lastTimeMs = 0;
  private claimedAtMs = 0;
  private coveredCommands = 0;
  private coveredForeign = 0;

  constructor(
    readonly context: ContextName,
    readonly partition: number,
    private readonly counters: Counters,
  ) {}

  get name(): string {
    return `${this.context}/${this.partition}`;
  }

  get lastClaim(): Claim | undefined {
    return this.claims.at(-1);
  }

  /** The fact of an accepted record, or null for what readers pass over. */
  read(record: StoredRecord, nowMs: number): Accepted | null {
    const before = this.reader.position;
    const verdict = this.reader.read(record);
    insist(
      verdict.kind !== 'corrupt',
      'I7 order',
      () => `${this.name} offset ${record.offset}: ${JSON.stringify(verdict)}`,
    );
    if (verdict.kind === 'claim') {
      this.claim(record, before, nowMs);
      return null;
    }
    if (verdict.kind === 'skipped') {
      if (verdict.reason === 'stale-term' || verdict.reason === 'foreign-owner')
        this.counters.add('void batch');
      return null;
    }
    const after = this.reader.position;
    insist(
      after.seq === before.seq + 1,
      'I7 order',
      () => `${this.name}: seq ${before.seq} then ${after.seq}`,
    );
    return this.accept(record);
  }

  at(offset: number): Accepted | undefined {
    return this.byOffset.get(offset);
  }

  /** When the first claim after this term landed; Infinity while it is the last. */
  supersededAtMs(terms: EpochTerm): number {
    const index = this.claimOfTerm.get(formatTerm(terms));
    return (index === undefined ? undefined : this.claims[index + 1]?.landedAtMs) ?? Infinity;
  }

  private claim(record: StoredRecord, before: EpochTerm, nowMs: number): void {
    const { epoch, term, owner } = this.reader.position;
    const rises = epoch > before.epoch || (epoch === before.epoch && term > before.term);
    insist(
      rises,
      'I3 terms rise',
      () => `${this.name}: ${formatTerm({ epoch, term })} after ${formatTerm(before)}`,
    );
    this.claimOfTerm.set(formatTerm({ epoch, term }), this.claims.length);
    this.claims.push({ epoch, term, owner, landedAtMs: nowMs });
    this.claimedAtMs = Date.parse(record.headers[header.time] ?? '');
  }

  private accept(record: StoredRecord): Accepted {
    const event = decodeEvent(record);
    const { fact } = event;
    insist(!this.ids.has(fact.id), 'I7 order', () => `${this.name}: event ${fact.id} was accepted twice`);
    this.ids.add(fact.id);
    insist(fact.timeMs >= this.lastTimeMs, 'time rises', () => `${this.name}: ${fact.id} at ${fact.timeMs}`);
    this.lastTimeMs = fact.timeMs;
    this.covers(record);
    const accepted = { event, offset: record.offset, ...this.now };
    this.accepted.push(accepted);
    this.byOffset.set(record.offset, accepted);
    return accepted;
  }

  private get now() {
    return { claimedAtMs: this.claimedAtMs, foreignNext: this.coveredForeign };
  }

  private covers(record: StoredRecord): void {
    const commands = Number(record.headers[header.coversCommands]);
    const foreign = parsePosition(record.headers[header.coversForeign] ?? '')?.next ?? -1;
    const onward = commands >= this.coveredCommands && foreign >= this.coveredForeign;
    insist(onward, 'inputs once', () => `${this.name}: covered inputs go back at offset ${record.offset}`);
    this.coveredCommands = commands;
    this.coveredForeign = foreign;
  }
}
