import {
  type ContextName,
  type EventData,
  type EventType,
  type Provenance,
} from '@fluxforge/events/catalogue';
import { encodeEvent, header, systemTenant } from '@fluxforge/events/envelope';
import { formatTerm, recordHash, sealBatch, startOfLog, type Position } from '@fluxforge/events/journal';
import { type LogRecord, type StoredRecord } from '@fluxforge/events/log';

export interface Written {
  readonly tenantId?: string;
  readonly subject?: string;
  readonly commandId?: string;
  readonly actor?: string;
}

/**
 * Writes an events partition as its rightful owner would: claims, then events in an unbroken chain. What
 * was written can be stored anywhere, and is also kept here in the shape that readers see.
 */
export class Scribe {
  private at: Position = startOfLog;
  private commands = 0;
  private timeMs: number;
  readonly records: LogRecord[] = [];

  constructor(
    private readonly context: ContextName,
    private readonly tenantId = 't1',
    startMs = Date.UTC(2025, 0, 1),
  ) {
    this.timeMs = startMs;
  }

  get position(): Position {
    return { ...this.at, next: this.records.length };
  }

  /** With `repairFrom`, the claim that readers go on from who have halted at that position. */
  claim(owner = `owner-${this.at.term + 1}`, repairFrom?: Position): LogRecord {
    const terms = { epoch: 0, term: this.at.term + 1 };
    const data = { address: '', generation: 1, ...(repairFrom ? { repair_from: repairFrom } : {}) };
    const record = this.encoded('journal.claimed', data, { tenantId: systemTenant });
    const claim = {
      ...record,
      headers: { ...record.headers, [header.term]: formatTerm(terms), [header.owner]: owner },
    };
    this.at = { next: 0, ...terms, owner, seq: 0, hash: recordHash(claim) };
    this.records.push(claim);
    return claim;
  }

  /** One event; each covers one command more. */
  event<T extends EventType>(type: T, data: EventData<T>, written: Written = {}): LogRecord {
    if (this.at.term === 0) this.claim();
    this.commands += 1;
    const record = this.encoded(type, data, written);
    const sealed = sealBatch(this.at, [
      { record, covered: { commands: this.commands, foreign: startOfLog } },
    ]);
    this.at = { ...this.at, seq: this.at.seq + 1, hash: sealed.hash };
    this.records.push(...sealed.records);
    return sealed.records[0]!;
  }

  /** Everything so far, as a log that began with it holds it. */
  stored(): StoredRecord[] {
    return this.records.map((record, offset) => ({ ...record, offset, timestampMs: this.timeMs }));
  }

  private encoded<T extends EventType>(type: T, data: EventData<T>, written: Written): LogRecord {
    this.timeMs += 7;
    const id = `${this.context}-${this.records.length}`;
    const provenance: Provenance = {
      actor: written.actor ?? 'system:test',
      reason: null,
      causationId: written.commandId ?? id,
      correlationId: written.commandId ?? id,
      traceparent: null,
    };
    const tenantId = written.tenantId ?? this.tenantId;
    const decided = { type, data, tenantId, subject: written.subject ?? subjectOf(data, tenantId) };
    return encodeEvent(decided as Parameters<typeof encodeEvent>[0], {
      context: this.context,
      id,
      timeMs: this.timeMs,
      provenance,
      commandId: written.commandId ?? null,
    });
  }
}

function subjectOf(data: object, tenantId: string): string {
  const named = data as { task_id?: string; state_id?: string; agent_id?: string };
  return named.task_id ?? named.state_id ?? named.agent_id ?? tenantId;
}
