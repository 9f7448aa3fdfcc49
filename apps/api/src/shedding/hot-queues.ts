import { InProcessCache, lost, type Cache, type Kept, type NamedText } from '@fluxforge/cache';
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

/** Older than this a mirror says nothing. */
const freshMs = 2_000;
const refreshAfterMs = 200;
const askOwnerAfterMs = 1_000;
const twinKeepMs = 2_000;
const maxTenants = 10_000;
/** Owners have other work: beyond these a tenant's turn comes later. */
const maxOwnersAsked = 8;

/**
 * What this server knows of queues: a twin in the process of what the cache mirrors. It is refreshed behind the
 * requests that look at it, so none of them waits: the first after a pause finds nothing, which holds nobody back.
 */
export class HotQueues {
  private readonly twin: InProcessCache;
  private readonly refreshedAtMs = new Map<string, number>();
  private readonly askedAtMs = new Map<string, number>();
  private asking = 0;

  constructor(private readonly options: HotQueuesOptions) {
    this.twin = new InProcessCache({ nowMs: options.nowMs, maxEntries: maxTenants });
  }

  /** As far as it is known without waiting. */
  async look(
    tenantId: string,
  ): Promise<{ readonly depth: HotDepth | null; readonly pulse: PartitionPulse | null }> {
    this.refreshSoon(tenantId);
    const [queue, pulse] = await this.twin.get(this.names(tenantId));
    return { depth: queue ? parseDepth(queue.text) : null, pulse: pulse ? parsePulse(pulse.text) : null };
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

  private refreshSoon(tenantId: string): void {
    const nowMs = this.options.nowMs();
    if (nowMs - (this.refreshedAtMs.get(tenantId) ?? -Infinity) < refreshAfterMs) return;
    mark(this.refreshedAtMs, tenantId, nowMs);
    // Whatever becomes of it, the twin is as old as it is.
    this.refresh(tenantId).catch(() => undefined);
  }

  private async refresh(tenantId: string): Promise<void> {
    const names = this.names(tenantId);
    const found = await this.options.cache?.get(names);
    const fresh = found && found !== lost ? found.map((one) => (isFresh(one) ? one : null)) : [];
    if (fresh[1]) return this.keep(names.flatMap((name, i) => (fresh[i] ? [[name, fresh[i].text]] : [])));
    return this.refreshFromOwner(tenantId, names);
  }

  private async refreshFromOwner(tenantId: string, names: readonly [string, string]): Promise<void> {
    const nowMs = this.options.nowMs();
    if (nowMs - (this.askedAtMs.get(tenantId) ?? -Infinity) < askOwnerAfterMs) return;
    if (this.asking >= maxOwnersAsked) return;
    mark(this.askedAtMs, tenantId, nowMs);
    this.asking += 1;
    try {
      const answer = await this.options.askOwner(tenantId);
      if (typeof answer !== 'object' || answer === null) return;
      const pulse: unknown = 'pulse' in answer ? answer.pulse : null;
      await this.keep([
        [names[0], JSON.stringify(answer)],
        [names[1], JSON.stringify(pulse)],
      ]);
    } finally {
      this.asking -= 1;
    }
  }

  private async keep(texts: readonly (readonly string[])[]): Promise<void> {
    await this.twin.put(texts as readonly NamedText[], twinKeepMs);
  }

  private names(tenantId: string): readonly [string, string] {
    return [queueName(tenantId), partitionName(partitionOf(tenantId, this.options.partitions))];
  }
}

function isFresh(kept: Kept | null | undefined): kept is Kept {
  return !!kept && kept.ageMs <= freshMs;
}

function mark(times: Map<string, number>, tenantId: string, nowMs: number): void {
  times.delete(tenantId);
  times.set(tenantId, nowMs);
  if (times.size <= maxTenants) return;
  const oldest = times.keys().next();
  if (!oldest.done) times.delete(oldest.value);
}
