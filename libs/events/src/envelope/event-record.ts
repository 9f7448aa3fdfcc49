import { type ContextName, type Decided, type Fact, type Provenance } from '@fluxforge/events/catalogue';
import { type LogRecord, type StoredRecord } from '@fluxforge/events/log';
import { header } from './headers.js';
import { parseBody, PoisonRecord } from './poison.js';
import { currentVersion, parseVersionedType, upcast } from './upcasters.js';
import { flawOfEvent, isEventType } from './validators.js';

/** What the host knows of an event beyond what was decided. */
export interface EventOrigin {
  readonly context: ContextName;
  readonly id: string;
  readonly timeMs: number;
  readonly provenance: Provenance;
  /** The command that this event answers, when it does. */
  readonly commandId: string | null;
}

/** A fact with what auditors and projections want to know beside it. */
export interface RecordedEvent {
  readonly fact: Fact;
  readonly version: number;
  readonly provenance: Provenance;
  readonly commandId: string | null;
  /** Next offset of the commands partition that is covered with this record; null on claims. */
  readonly coversCommands: number | null;
}

/** The record of an event, without the journal's headers: the journal adds those when it builds the batch. */
export function encodeEvent(decided: Decided, origin: EventOrigin): LogRecord {
  const headers: Record<string, string> = {
    [header.specVersion]: '1.0',
    [header.id]: origin.id,
    [header.source]: `/fluxforge/${origin.context}`,
    [header.type]: `${decided.type}.v${currentVersion(decided.type)}`,
    [header.time]: new Date(origin.timeMs).toISOString(),
    [header.subject]: decided.subject,
    [header.contentType]: 'application/json',
    [header.tenant]: decided.tenantId,
    [header.actor]: origin.provenance.actor,
    [header.causation]: origin.provenance.causationId,
    [header.correlation]: origin.provenance.correlationId,
  };
  if (origin.provenance.reason !== null) headers[header.reason] = origin.provenance.reason;
  if (origin.provenance.traceparent !== null) headers[header.traceparent] = origin.provenance.traceparent;
  if (origin.commandId !== null) headers[header.command] = origin.commandId;
  return { key: decided.tenantId, value: Buffer.from(JSON.stringify(decided.data)), headers };
}

/** @throws PoisonRecord */
export function decodeEvent(record: StoredRecord): RecordedEvent {
  const h = record.headers;
  const versioned = parseVersionedType(h[header.type] ?? '');
  if (!versioned || !isEventType(versioned.type))
    throw new PoisonRecord(`unknown event type ${h[header.type]}`);
  const body = upcast(versioned.type, versioned.version, parseBody(record.value));
  if (!body) throw new PoisonRecord(`${h[header.type]} is newer than this reader`);
  const flaw = flawOfEvent(versioned.type, body.data);
  if (flaw) throw new PoisonRecord(`${versioned.type}: ${flaw}`);
  const id = h[header.id] ?? '';
  const timeMs = Date.parse(h[header.time] ?? '');
  if (!Number.isFinite(timeMs)) throw new PoisonRecord('the event has no time');
  const covers = h[header.coversCommands];
  return {
    fact: {
      type: versioned.type,
      data: body.data,
      id,
      timeMs,
      tenantId: h[header.tenant] ?? '',
      subject: h[header.subject] ?? '',
    } as Fact,
    version: versioned.version,
    provenance: {
      actor: h[header.actor] ?? 'unknown',
      reason: h[header.reason] ?? null,
      causationId: h[header.causation] ?? id,
      correlationId: h[header.correlation] ?? id,
      traceparent: h[header.traceparent] ?? null,
    },
    commandId: h[header.command] ?? null,
    coversCommands: covers === undefined ? null : Number(covers),
  };
}
