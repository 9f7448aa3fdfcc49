import { header } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import { type LogPort } from '@fluxforge/events/log';

/** When the log has the first queueing and the first lease of each task: its own append times, by the reader's rule. */
export class LogTimes {
  private readonly reader = new JournalReader(startOfLog);
  readonly queuedMs = new Map<string, number>();
  readonly leasedMs = new Map<string, number>();

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
  ) {}

  /** Reads on to the partition's present end. */
  async advance(): Promise<void> {
    for (;;) {
      const tp = { topic: this.topic, partition: 0 };
      const batch = await this.log.read(tp, this.reader.position.next, {
        maxBytes: 4 << 20,
        timeoutMs: 5000,
      });
      for (const record of batch.records) {
        if (this.reader.read(record).kind === 'accepted') this.take(record.headers, record.timestampMs);
      }
      this.reader.passTo(batch.next);
      if (batch.next >= batch.end) return;
    }
  }

  private take(headers: Readonly<Record<string, string>>, atMs: number): void {
    const type = headers[header.type];
    const times =
      type === 'task.queued.v1' ? this.queuedMs : type === 'task.leased.v1' ? this.leasedMs : null;
    const task = headers[header.subject];
    if (times && task !== undefined && !times.has(task)) times.set(task, atMs);
  }
}
