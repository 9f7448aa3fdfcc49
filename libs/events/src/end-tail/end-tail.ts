import { type LogPort, type RecordBatch, type Tail } from '@fluxforge/events/log';

export interface EndTailHandlers {
  onBatch(partition: number, batch: RecordBatch): void;
  /** Its end could not be learned, so it is not followed yet; that is tried again by itself. */
  onDelayed(partition: number, error: unknown): void;
}

const retryMs = 1_000;

/**
 * Partitions of a telemetry topic, each from its end on: telemetry has no position, and what was in flight when the
 * partition changed hands is asked again by timers. Retention can overtake a slow reader: the end is as good a place to go on
 * from as any.
 */
export class EndTail {
  private readonly tail: Tail;
  /** By partition, which time it is followed: what was begun for an earlier one must not go on. */
  private readonly followed = new Map<number, symbol>();

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly handlers: EndTailHandlers,
  ) {
    this.tail = log.tail({
      onBatch: (tp, batch) => handlers.onBatch(tp.partition, batch),
      onError: ({ partition }, error) => {
        const time = this.followed.get(partition);
        if (time && error.failure === 'out-of-range') void this.begin(partition, time);
      },
    });
  }

  follow(partition: number): void {
    const time = Symbol();
    this.followed.set(partition, time);
    void this.begin(partition, time);
  }

  unfollow(partition: number): void {
    this.followed.delete(partition);
    this.tail.unfollow({ topic: this.topic, partition });
  }

  close(): Promise<void> {
    this.followed.clear();
    return this.tail.close();
  }

  private async begin(partition: number, time: symbol): Promise<void> {
    const isFollowed = () => this.followed.get(partition) === time;
    const tp = { topic: this.topic, partition };
    try {
      const { end } = await this.log.offsets(tp);
      if (isFollowed()) this.tail.follow(tp, end);
    } catch (error: unknown) {
      if (!isFollowed()) return;
      this.handlers.onDelayed(partition, error);
      setTimeout(() => isFollowed() && void this.begin(partition, time), retryMs).unref();
    }
  }
}
