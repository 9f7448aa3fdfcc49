import { lost, type Cache, type NamedText } from '@fluxforge/cache';
import {
  parseDepth,
  parsePulse,
  parseQueue,
  partitionName,
  queueName,
  type HotDepth,
  type HotQueue,
  type PartitionPulse,
} from '@fluxforge/events/hot-queue';
import { partitionOf } from '@fluxforge/events/partitioner';
import { isFresh, Twin } from './twin.js';

export interface SeenQueue {
  readonly queue: HotQueue;
  readonly ageMs: number;
}

export interface HotQueuesOptions {
  /** Null: no cache is shared, and the owner is asked. */
  readonly cache: Cache | null;
  readonly partitions: number;
  readonly nowMs: () => number;
  /** The depth as the owner has it, with its pulse; rejects when it does not answer. */
  readonly askOwner: (tenantId: string) => Promise<unknown>;
}

/** What this server knows of queues, and of how far their owners are. */
export class HotQueues {
  private readonly twin: Twin;

  constructor(private readonly options: HotQueuesOptions) {
    const { cache, nowMs } = options;
    this.twin = new Twin({
      cache,
      nowMs,
      names: (tenantId) => this.names(tenantId),
      askOwner: (tenantId) => this.askOwner(tenantId),
    });
  }

  /** As far as it is known without waiting. */
  async depth(tenantId: string): Promise<HotDepth | null> {
    const [queue] = await this.twin.look(tenantId);
    return queue ? parseDepth(queue.text) : null;
  }

  /** The same of the owner of its partition. */
  async pulse(tenantId: string): Promise<PartitionPulse | null> {
    const [, pulse] = await this.twin.look(tenantId);
    return pulse ? parsePulse(pulse.text) : null;
  }

  /** The mirrored queue, when there is a mirror, it is young, and so is its owner's pulse. */
  async mirrored(tenantId: string): Promise<SeenQueue | null> {
    const found = await this.options.cache?.get(this.names(tenantId));
    if (!found || found === lost) return null;
    const [kept, pulse] = found;
    if (!isFresh(kept) || !isFresh(pulse)) return null;
    const queue = parseQueue(kept.text);
    return queue && { queue, ageMs: kept.ageMs };
  }

  private async askOwner(tenantId: string): Promise<readonly NamedText[]> {
    const answer = await this.options.askOwner(tenantId);
    if (typeof answer !== 'object' || answer === null) return [];
    const [queue, partition] = this.names(tenantId);
    const pulse: unknown = 'pulse' in answer ? answer.pulse : null;
    return [
      [queue, JSON.stringify(answer)],
      [partition, JSON.stringify(pulse)],
    ];
  }

  private names(tenantId: string): readonly [string, string] {
    return [queueName(tenantId), partitionName(partitionOf(tenantId, this.options.partitions))];
  }
}
