import { type DirectoryEntry, directoryKey } from '@fluxforge/events/catalogue';
import { type LogPort } from '@fluxforge/events/log';

const timeoutMs = 5000;
const retryMs = 500;

/**
 * Publishes what every API server must know, in order, after commit. An entry that cannot be written is
 * tried again until it is, or until the partition is not led here any more: the next owner writes all anew.
 */
export class DirectoryWriter {
  private readonly queues = new Map<number, DirectoryEntry[]>();
  private readonly writing = new Set<number>();

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly onRetry: (error: unknown) => void,
  ) {}

  publish(entry: DirectoryEntry): void {
    const queue = this.queues.get(entry.partition) ?? [];
    queue.push(entry);
    this.queues.set(entry.partition, queue);
    void this.write(entry.partition);
  }

  fell(partition: number): void {
    this.queues.delete(partition);
  }

  private async write(partition: number): Promise<void> {
    if (this.writing.has(partition)) return;
    this.writing.add(partition);
    try {
      for (let entry = this.queues.get(partition)?.[0]; entry; entry = this.queues.get(partition)?.[0]) {
        if (await this.append(entry)) this.queues.get(partition)?.shift();
      }
    } finally {
      this.writing.delete(partition);
    }
  }

  private async append(entry: DirectoryEntry): Promise<boolean> {
    const record = { key: directoryKey(entry), value: Buffer.from(JSON.stringify(entry)), headers: {} };
    try {
      await this.log.append({ topic: this.topic, partition: entry.partition }, [record], {
        timeoutMs,
        concurrent: true,
      });
      return true;
    } catch (error: unknown) {
      // Written twice does no harm: readers ignore an entry of a lower position.
      this.onRetry(error);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
      return false;
    }
  }
}
