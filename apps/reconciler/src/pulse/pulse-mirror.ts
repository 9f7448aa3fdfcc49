import { putAll, type Cache, type NamedText } from '@fluxforge/cache';
import { mirrorKeepMs, partitionName, type LedPartition } from '@fluxforge/events/hot-queue';

export type LedPulse = Pick<LedPartition<unknown>, 'partition' | 'fresh' | 'pulse'>;

const sendEveryMs = 250;

/**
 * Mirrors into the cache how far this process has come with the commands of each partition that it leads. A pulse
 * says only what is committed, so nothing of it has to be held back.
 */
export class PulseMirror {
  private timer: NodeJS.Timeout | null = null;
  private sending = false;

  constructor(
    private readonly cache: Cache,
    private readonly led: () => readonly LedPulse[],
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.pass(), sendEveryMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** One at a time: a cache that is slow gets no more of them, and the newest when it is quick again. */
  async pass(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      const texts = this.led().flatMap((one) => (one.fresh ? [textOf(one)] : []));
      await putAll(this.cache, texts, mirrorKeepMs);
    } finally {
      this.sending = false;
    }
  }
}

function textOf({ partition, pulse }: LedPulse): NamedText {
  return [partitionName(partition, 'states'), JSON.stringify(pulse)];
}
