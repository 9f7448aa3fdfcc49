import { type Backlog } from '@fluxforge/domain/shedding';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { partitionOf } from '@fluxforge/events/partitioner';

export interface LagOptions {
  readonly partitions: number;
  /** API servers that there are: each may let in its part. */
  readonly servers: number;
}

interface Pulses {
  pulse(tenantId: string): Promise<PartitionPulse | null>;
}

/** How far the partitions of one context are behind, and through whom. */
export class Lag {
  constructor(
    private readonly backlog: Backlog,
    private readonly pulses: Pulses,
    private readonly options: LagOptions,
  ) {}

  wrote(partition: number, tenantId: string, offset: number): void {
    this.backlog.wrote(partition, tenantId, offset);
  }

  /** Whether the tenant has more than so many shares of a backlog that is too long. */
  async exceeds(tenantId: string, shares: number): Promise<boolean> {
    const pulse = await this.pulses.pulse(tenantId);
    if (!pulse) return false;
    const { partitions, servers } = this.options;
    return this.backlog.exceeds(partitionOf(tenantId, partitions), tenantId, pulse, servers, shares);
  }
}
