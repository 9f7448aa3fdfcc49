import { AgentReport, type CheckResult } from '@fluxforge/events/catalogue';
import { checkerOf, parseBody } from '@fluxforge/events/envelope';
import { type LogPort, type RecordBatch, type StoredRecord, type Tail } from '@fluxforge/events/log';

export interface FoundByAgent {
  readonly tenantId: string;
  readonly agentId: string;
  readonly result: CheckResult;
}

/**
 * Check results of the partitions that are led here. Telemetry has no position: a new owner starts at
 * the end, and what was in flight is asked again by timers.
 */
export class CheckResults {
  private readonly tail: Tail;
  private readonly followed = new Set<number>();

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    onResult: (partition: number, found: FoundByAgent) => void,
  ) {
    this.tail = log.tail({
      onBatch: (tp, batch) => {
        for (const found of resultsOf(batch)) onResult(tp.partition, found);
      },
      // Retention can overtake a slow reader: the end is as good a place to go on from as any.
      onError: (tp, error) => {
        if (error.failure === 'out-of-range') void this.follow(tp.partition);
      },
    });
  }

  async follow(partition: number): Promise<void> {
    this.followed.add(partition);
    const tp = { topic: this.topic, partition };
    const { end } = await this.log.offsets(tp);
    if (this.followed.has(partition)) this.tail.follow(tp, end);
  }

  unfollow(partition: number): void {
    this.followed.delete(partition);
    this.tail.unfollow({ topic: this.topic, partition });
  }

  close(): Promise<void> {
    return this.tail.close();
  }
}

function* resultsOf(batch: RecordBatch): Generator<FoundByAgent> {
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
