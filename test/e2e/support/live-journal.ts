import { type ContextName } from '@fluxforge/events/catalogue';
import { type LogPort, type Tail } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import { Judge, type JournalEvent } from './journal.js';

/** Both events partitions of one tenant, followed as they grow. */
export class LiveJournal {
  readonly events: JournalEvent[] = [];
  readonly errors: string[] = [];
  private readonly open = new Map<string, JournalEvent>();
  private readonly ended = new Map<string, JournalEvent>();
  private tail: Tail | null = null;

  constructor(
    private readonly log: LogPort,
    private readonly topics: Topics,
    private readonly partition: number,
  ) {}

  follow(): void {
    const judges = new Map<string, Judge>();
    const tail = this.log.tail({
      onBatch: ({ topic }, { records }) => {
        const judge = judges.get(topic);
        for (const record of records) {
          if (!judge || record.offset < judge.next) continue;
          const event = judge.take(record);
          if (event) this.take(event);
        }
      },
      onError: (tp, error) => void this.errors.push(`${tp.topic}: ${error.message}`),
    });
    this.tail = tail;
    for (const context of ['tasks', 'states'] as const) {
      const topic = this.topics.events[context];
      judges.set(topic, new Judge(context, this.partition));
      tail.follow({ topic, partition: this.partition }, 0);
    }
  }

  /** Leases that are out according to the log, by task. */
  get openLeases(): readonly JournalEvent[] {
    return [...this.open.values()];
  }

  leaseOn(agentId: string): JournalEvent | undefined {
    return this.openLeases.find((lease) => lease.data['agent_id'] === agentId);
  }

  end(taskId: string): JournalEvent | undefined {
    return this.ended.get(taskId);
  }

  find(type: string, fields: Readonly<Record<string, unknown>> = {}, from = 0): JournalEvent | undefined {
    return this.all(type, fields, from)[0];
  }

  all(type: string, fields: Readonly<Record<string, unknown>> = {}, from = 0): JournalEvent[] {
    const entries = Object.entries(fields);
    return this.events
      .slice(from)
      .filter((e) => e.type === type && entries.every(([name, value]) => e.data[name] === value));
  }

  count(context?: ContextName): number {
    return context ? this.events.filter((e) => e.context === context).length : this.events.length;
  }

  async close(): Promise<void> {
    await this.tail?.close();
  }

  private take(event: JournalEvent): void {
    this.events.push(event);
    const id = String(event.data['task_id']);
    if (event.type === 'task.leased') this.open.set(id, event);
    if (event.type === 'task.attempt-ended' || event.type === 'task.ended') this.open.delete(id);
    if (event.type === 'task.ended' || event.type === 'task.rejected') this.ended.set(id, event);
  }
}
