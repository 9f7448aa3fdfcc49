import { AgentReport, type CheckResult } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody } from '@fluxforge/events/envelope';
import { type RecordBatch, type StoredRecord } from '@fluxforge/events/log';

export interface FoundByAgent {
  readonly tenantId: string;
  readonly agentId: string;
  readonly result: CheckResult;
}

/** Those of the reports that can be read. */
export function* resultsOf(batch: RecordBatch): Generator<FoundByAgent> {
  for (const record of batch.records) {
    const report = reportOf(record);
    if (report?.kind !== 'checks') continue;
    for (const result of report.results)
      yield { tenantId: report.tenant_id, agentId: report.agent_id, result };
  }
}

function reportOf(record: StoredRecord): AgentReport | null {
  try {
    const body = parseBody(record.value);
    return checkerOf(AgentReport).Check(body) ? body : null;
  } catch {
    // Telemetry that cannot be read is as lost as telemetry that never came.
    return null;
  }
}
