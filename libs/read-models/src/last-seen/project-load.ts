import { AgentReport } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody, PoisonRecord } from '@fluxforge/events/envelope';
import { type StoredRecord } from '@fluxforge/events/log';
import { isoOf } from '../projection/projected-event.js';
import { Table, type SqlRunner } from '../rows/table.js';
import { AgentLoadEntity } from './entity.js';

const table = new Table(AgentLoadEntity);

/**
 * Null when the report says nothing of the agent's load.
 * @throws PoisonRecord
 */
export function decodeLoad(record: StoredRecord): AgentLoadEntity | null {
  const body = parseBody(record.value);
  if (!checkerOf(AgentReport).Check(body)) throw new PoisonRecord('the value is no report of an agent');
  const report = body;
  if (report.kind !== 'heartbeat') return null;
  return {
    tenant_id: report.tenant_id,
    agent_id: report.agent_id,
    seen_at: isoOf(record.timestampMs),
    cpu_percent: report.cpu_percent,
    ram_used_bytes: report.ram_used_bytes,
    ram_total_bytes: report.ram_total_bytes,
    slots: report.slots,
    free_slots: report.free_slots,
  };
}

export async function projectLoad(loads: readonly AgentLoadEntity[], sql: SqlRunner): Promise<void> {
  // One statement may not touch a row twice; of an agent's reports the last one counts.
  const last = new Map(loads.map((load) => [`${load.tenant_id}\u0000${load.agent_id}`, load]));
  await table.upsert(sql, [...last.values()]);
}
