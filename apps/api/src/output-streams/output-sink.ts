import { type OutputChunk } from '@fluxforge/events/catalogue';
import { type LogPort, type LogRecord } from '@fluxforge/events/log';
import { partitionOf } from '@fluxforge/events/partitioner';

/** Below the broker's limit of a batch, with room for the records' own overhead. */
const maxBatchBytes = 512 * 1024;

/** Writes output to the logs topic, each tenant's on its partition. */
export class OutputSink {
  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly partitions: number,
    private readonly timeoutMs: number,
  ) {}

  /** In order, and durable when it returns. @throws AppendError; written twice does no harm, `seq` tells. */
  async write(chunks: readonly OutputChunk[]): Promise<void> {
    for (const batch of batchesOf(chunks)) {
      const tp = { topic: this.topic, partition: partitionOf(batch.tenantId, this.partitions) };
      await this.log.append(tp, batch.records, { timeoutMs: this.timeoutMs, concurrent: true });
    }
  }
}

interface Batch {
  readonly tenantId: string;
  readonly records: LogRecord[];
  bytes: number;
}

function batchesOf(chunks: readonly OutputChunk[]): Batch[] {
  const batches: Batch[] = [];
  for (const chunk of chunks) {
    const value = Buffer.from(JSON.stringify(chunk));
    let batch = batches.at(-1);
    if (!batch || batch.tenantId !== chunk.tenant_id || batch.bytes + value.length > maxBatchBytes) {
      batch = { tenantId: chunk.tenant_id, records: [], bytes: 0 };
      batches.push(batch);
    }
    batch.records.push({ key: chunk.tenant_id, value, headers: {} });
    batch.bytes += value.length;
  }
  return batches;
}
