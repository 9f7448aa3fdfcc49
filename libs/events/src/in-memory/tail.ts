import { ReadError, type Tail, type TailHandlers, type TopicPartition } from '../log/index.js';
import { keyOf } from './append-faults.js';
import { type InMemoryCluster } from './cluster.js';

const MAX_BATCH_BYTES = 1_048_576;
const RETRY_MS = 10;

interface Followed {
  readonly tp: TopicPartition;
  /** The place that counts now; a move replaces the object, so an older delivery finds itself outdated. */
  position: { next: number };
  wake: () => void;
  stop: () => void;
  active: boolean;
}

/** Follows partitions by being told of appends; one delivery loop per partition. */
export class InMemoryTail implements Tail {
  private readonly followed = new Map<string, Followed>();
  private closed = false;

  constructor(
    private readonly cluster: InMemoryCluster,
    private readonly handlers: TailHandlers,
  ) {}

  follow(tp: TopicPartition, from: number): void {
    if (this.closed) throw new Error('the tail is closed');
    const existing = this.followed.get(keyOf(tp));
    if (existing) {
      existing.active = true;
      existing.position = { next: from };
      existing.wake();
      return;
    }
    const followed: Followed = {
      tp,
      position: { next: from },
      wake: () => {},
      stop: () => {},
      active: true,
    };
    followed.stop = this.cluster.watch(tp, () => followed.wake());
    this.followed.set(keyOf(tp), followed);
    void this.deliver(followed);
  }

  unfollow(tp: TopicPartition): void {
    const followed = this.followed.get(keyOf(tp));
    if (!followed) return;
    followed.active = false;
    followed.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { tp } of [...this.followed.values()]) this.unfollow(tp);
  }

  private async deliver(followed: Followed): Promise<void> {
    while (followed.active) {
      // Armed before the look, so that an append between the look and the wait is not missed.
      const woken = new Promise<void>((resolve) => (followed.wake = resolve));
      const outcome = this.look(followed);
      if (outcome === 'nothing') await woken;
      else if (outcome === 'down') await Promise.race([woken, delay(RETRY_MS)]);
      else if (outcome === 'over') this.unfollow(followed.tp);
      else await this.handOver(followed, outcome);
    }
    // Only now, so that a new start meanwhile does not hand over side by side with this one.
    followed.stop();
    this.followed.delete(keyOf(followed.tp));
  }

  private look(followed: Followed) {
    try {
      this.cluster.assertUp();
      const batch = this.cluster.core.read(followed.tp, followed.position.next, Infinity, MAX_BATCH_BYTES);
      return batch.next === followed.position.next ? ('nothing' as const) : batch;
    } catch (error: unknown) {
      if (!(error instanceof ReadError)) throw error;
      this.handlers.onError(followed.tp, error);
      return error.failure === 'unavailable' ? ('down' as const) : ('over' as const);
    }
  }

  private async handOver(followed: Followed, batch: Parameters<TailHandlers['onBatch']>[1]): Promise<void> {
    followed.position.next = batch.next;
    this.cluster.countDelivered(batch.records);
    try {
      await this.handlers.onBatch(followed.tp, batch);
    } catch (cause: unknown) {
      // The batch was not taken, so going on would skip it.
      this.handlers.onError(followed.tp, new ReadError('fatal', 'the batch handler failed', { cause }));
      if (followed.active) this.unfollow(followed.tp);
    }
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
