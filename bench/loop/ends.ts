import { header } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import { type LogPort } from '@fluxforge/events/log';

/** Counts what the log says, by the reader's rule: tasks that ended, and accepted events in all. */
export class LogCounter {
  private readonly readers = new Map<number, JournalReader>();
  readonly ended = new Set<string>();
  events = 0;

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    partitions: number,
  ) {
    for (let p = 0; p < partitions; p++) this.readers.set(p, new JournalReader(startOfLog));
  }

  /** Offsets read, over all partitions. */
  get offsets(): number {
    return [...this.readers.values()].reduce((sum, reader) => sum + reader.position.next, 0);
  }

  /** Reads on to the present end of every partition. */
  async advance(): Promise<void> {
    for (const [partition, reader] of this.readers) {
      for (;;) {
        const batch = await this.log.read({ topic: this.topic, partition }, reader.position.next, {
          maxBytes: 4 << 20,
          timeoutMs: 5000,
        });
        for (const record of batch.records) {
          if (reader.read(record).kind !== 'accepted') continue;
          this.events += 1;
          if (record.headers[header.type] === 'task.ended.v1')
            this.ended.add(record.headers[header.subject] ?? '');
        }
        reader.passTo(batch.next);
        if (batch.next >= batch.end) break;
      }
    }
  }
}
