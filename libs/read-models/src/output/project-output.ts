import { OutputChunk } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody, PoisonRecord } from '@fluxforge/events/envelope';
import { type StoredRecord } from '@fluxforge/events/log';
import { isoOf } from '../projection/projected-event.js';
import { Table, type SqlRunner } from '../rows/table.js';
import { OutputEntity } from './entity.js';

// A chunk that was sent again has the same seq and the same content: the first stays.
const table = new Table(OutputEntity, 'ignore');

/** @throws PoisonRecord */
export function decodeOutput(record: StoredRecord): OutputEntity {
  const body = parseBody(record.value);
  const check = checkerOf(OutputChunk);
  if (!check.Check(body)) throw new PoisonRecord('the value is no chunk of output');
  const chunk = body;
  return {
    tenant_id: chunk.tenant_id,
    task_id: chunk.task_id,
    life: chunk.life,
    attempt: chunk.attempt,
    stream: chunk.stream,
    seq: chunk.seq,
    arrival: record.offset,
    at: isoOf(record.timestampMs),
    agent_id: chunk.agent_id,
    data: Buffer.from(chunk.data_base64, 'base64'),
    gap_bytes: chunk.gap_bytes,
    eof: chunk.eof ?? null,
  };
}

export async function projectOutput(chunks: readonly OutputEntity[], sql: SqlRunner): Promise<void> {
  await table.upsert(sql, chunks);
}
