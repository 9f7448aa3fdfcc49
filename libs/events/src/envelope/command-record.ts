import { type Command, type CommandBody } from '@fluxforge/events/catalogue';
import { type LogRecord, type StoredRecord } from '@fluxforge/events/log';
import { header } from './headers.js';
import { parseBody, PoisonRecord } from './poison.js';
import { currentVersion, parseVersionedType, upcast } from './upcasters.js';
import { flawOfCommand, isCommandType } from './validators.js';

/** Largest value of a command record, in bytes. A command whose events cannot fit in a batch is refused. */
export const maxCommandBytes = 256 * 1024;

/** A command as a record of its commands topic, keyed by tenant. */
export function encodeCommand(command: Command<CommandBody>, timeMs: number): LogRecord {
  const { provenance } = command;
  const headers: Record<string, string> = {
    [header.specVersion]: '1.0',
    [header.id]: command.id,
    [header.source]: '/fluxforge/api',
    [header.type]: `${command.type}.v${currentVersion(command.type)}`,
    [header.time]: new Date(timeMs).toISOString(),
    [header.contentType]: 'application/json',
    [header.tenant]: command.tenantId,
    [header.actor]: provenance.actor,
    [header.causation]: provenance.causationId,
    [header.correlation]: provenance.correlationId,
  };
  if (provenance.reason !== null) headers[header.reason] = provenance.reason;
  if (provenance.traceparent !== null) headers[header.traceparent] = provenance.traceparent;
  return { key: command.tenantId, value: Buffer.from(JSON.stringify(command.data)), headers };
}

/** @throws PoisonRecord */
export function decodeCommand(record: StoredRecord): Command<CommandBody> {
  const h = record.headers;
  const versioned = parseVersionedType(h[header.type] ?? '');
  if (!versioned || !isCommandType(versioned.type))
    throw new PoisonRecord(`unknown command type ${h[header.type]}`);
  const id = h[header.id];
  const tenantId = h[header.tenant];
  if (!id || !tenantId) throw new PoisonRecord('the command has no id or no tenant');
  if (record.value !== null && record.value.length > maxCommandBytes) {
    throw new PoisonRecord(`the command is larger than ${maxCommandBytes} bytes`);
  }
  const body = upcast(versioned.type, versioned.version, parseBody(record.value));
  if (!body) throw new PoisonRecord(`${h[header.type]} is newer than this reader`);
  const flaw = flawOfCommand(versioned.type, body.data);
  if (flaw) throw new PoisonRecord(flaw);
  return {
    type: versioned.type,
    data: body.data,
    id,
    tenantId,
    provenance: {
      actor: h[header.actor] ?? 'unknown',
      reason: h[header.reason] ?? null,
      causationId: h[header.causation] ?? id,
      correlationId: h[header.correlation] ?? id,
      traceparent: h[header.traceparent] ?? null,
    },
  } as Command<CommandBody>;
}
