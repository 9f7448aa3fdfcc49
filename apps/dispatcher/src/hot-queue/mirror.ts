import { putAll, type Cache, type NamedText } from '@fluxforge/cache';
import { type TasksState } from '@fluxforge/domain/tasks-context';
import { mirrorKeepMs, partitionName, queueName, type LedPartition } from '@fluxforge/events/hot-queue';
import { Picture } from './picture.js';

type Led = LedPartition<TasksState>;

export interface MirrorOptions {
  readonly cache: Cache;
  readonly led: () => readonly Led[];
  readonly nowMs: () => number;
}

interface Held {
  readonly term: number;
  readonly afterSeq: number;
  readonly texts: readonly NamedText[];
}

const drawEveryMs = 250;
const sendEveryMs = 50;
const pictureOptions = { maxTenants: 256, againAfterMs: 1_000 };

/**
 * Mirrors the queues of the partitions that are led here into the cache. The state runs ahead of the log by the batch
 * in flight, so what is drawn meanwhile is held until that batch is committed; what a term did not commit is never
 * shown. A cache that is lost gets nothing, and all anew when it is back.
 */
export class HotQueueMirror {
  private readonly pictures = new Map<number, Picture>();
  private readonly held = new Map<number, Held>();
  private timer: NodeJS.Timeout | null = null;
  private lastDrawMs = -Infinity;
  private sending = false;

  constructor(private readonly options: MirrorOptions) {}

  start(): void {
    this.timer = setInterval(() => void this.pass(), sendEveryMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  fell(partition: number): void {
    this.pictures.delete(partition);
    this.held.delete(partition);
  }

  /** Draws when it is time to, and sends what is committed by now. */
  async pass(): Promise<void> {
    if (this.sending) return;
    const nowMs = this.options.nowMs();
    const isTime = nowMs - this.lastDrawMs >= drawEveryMs;
    if (isTime) this.lastDrawMs = nowMs;
    const texts: NamedText[] = [];
    for (const one of this.options.led()) {
      if (isTime && one.fresh) this.draw(one, nowMs);
      texts.push(...this.committed(one));
    }
    await this.send(texts);
  }

  private draw(one: Led, nowMs: number): void {
    const { partition, term, seq, settled, pulse } = one;
    const waiting = this.held.get(partition);
    // Drawn and not yet committed: drawing again would put off what is ready to be sent.
    if (waiting && waiting.term === term && seq < waiting.afterSeq) return;
    let picture = this.pictures.get(partition);
    if (!picture) this.pictures.set(partition, (picture = new Picture(pictureOptions)));
    const queues = picture
      .draw(one.view, nowMs)
      .map(([tenantId, view]) => [queueName(tenantId), JSON.stringify(view)] as const);
    const texts = [...queues, [partitionName(partition), JSON.stringify(pulse)] as const];
    this.held.set(partition, { term, afterSeq: settled ? seq : seq + 1, texts });
  }

  private committed({ partition, term, seq, fresh }: Led): readonly NamedText[] {
    const held = this.held.get(partition);
    if (!held || !fresh) return [];
    if (held.term === term && seq < held.afterSeq) return [];
    this.held.delete(partition);
    if (held.term === term) return held.texts;
    this.pictures.get(partition)?.forget();
    return [];
  }

  private async send(texts: readonly NamedText[]): Promise<void> {
    if (texts.length === 0) return;
    this.sending = true;
    try {
      if (await putAll(this.options.cache, texts, mirrorKeepMs)) return;
      for (const picture of this.pictures.values()) picture.forget();
    } finally {
      this.sending = false;
    }
  }
}
