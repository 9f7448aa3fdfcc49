import { parsePulse, partitionName, type PartitionPulse } from '@fluxforge/events/hot-queue';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type HotQueuesOptions } from './hot-queues.js';
import { Twin } from './twin.js';

/** What this server knows of how far the owners of states are. `askOwner` answers the pulse alone. */
export class StatePulses {
  private readonly twin: Twin;

  constructor({ cache, nowMs, partitions, askOwner }: HotQueuesOptions) {
    const name = (tenantId: string) => partitionName(partitionOf(tenantId, partitions), 'states');
    this.twin = new Twin({
      cache,
      nowMs,
      names: (tenantId) => [name(tenantId)],
      askOwner: async (tenantId) => [[name(tenantId), JSON.stringify(await askOwner(tenantId))]],
    });
  }

  /** As far as it is known without waiting. */
  async pulse(tenantId: string): Promise<PartitionPulse | null> {
    const [pulse] = await this.twin.look(tenantId);
    return pulse ? parsePulse(pulse.text) : null;
  }
}
