import { header, parseBody, parseVersionedType } from '@fluxforge/events/envelope';
import { type ContextName } from '@fluxforge/events/catalogue';
import { JournalReader, startOfLog, type Position } from '@fluxforge/events/journal';
import { type LogPort, type StoredRecord } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';

/** An event that every reader accepts, with its place. */
export interface JournalEvent {
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
  readonly type: string;
  readonly timeMs: number;
  readonly tenantId: string;
  /** The command that it answers, or null. */
  readonly commandId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly term: string;
}

export interface Claim {
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
  readonly term: number;
  readonly owner: string;
}

/** An events partition as the production reader's rule judges it. */
export interface JournalPartition {
  readonly context: ContextName;
  readonly partition: number;
  readonly events: readonly JournalEvent[];
  readonly claims: readonly Claim[];
  /** Records that the rule passes over, by its reason: late writes of former owners and the like. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What the reader calls corruption. */
  readonly corrupt: readonly string[];
  readonly end: Position;
}

const readOptions = { maxBytes: 8 * 1024 * 1024, timeoutMs: 10_000 };

/** Everything that a partition of a topic holds now. */
export async function readAll(log: LogPort, topic: string, partition: number): Promise<StoredRecord[]> {
  const tp = { topic, partition };
  const { low, end } = await log.offsets(tp);
  const records: StoredRecord[] = [];
  for (let from = low; from < end;) {
    const batch = await log.read(tp, from, readOptions);
    records.push(...batch.records);
    from = batch.next;
  }
  return records;
}

export async function readJournal(
  log: LogPort,
  topics: Topics,
  partitions: number,
): Promise<JournalPartition[]> {
  const found: JournalPartition[] = [];
  for (const context of ['tasks', 'states'] as const) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const records = await readAll(log, topics.events[context], partition);
      found.push(judged(context, partition, records));
    }
  }
  return found;
}

function judged(context: ContextName, partition: number, records: readonly StoredRecord[]): JournalPartition {
  const judge = new Judge(context, partition);
  for (const record of records) judge.take(record);
  return judge.result();
}

/** Judges the records of one partition as they come. */
export class Judge {
  private readonly reader = new JournalReader(startOfLog);
  private readonly claims: Claim[] = [];
  private readonly skipped: Record<string, number> = {};
  private readonly corrupt: string[] = [];
  readonly events: JournalEvent[] = [];

  constructor(
    private readonly context: ContextName,
    private readonly partition: number,
  ) {}

  /** The event, when the record is an accepted one. */
  take(record: StoredRecord): JournalEvent | null {
    const { context, partition } = this;
    const verdict = this.reader.read(record);
    const { term, owner } = this.reader.position;
    if (verdict.kind === 'corrupt') this.corrupt.push(verdict.message);
    if (verdict.kind === 'skipped') this.skipped[verdict.reason] = (this.skipped[verdict.reason] ?? 0) + 1;
    if (verdict.kind === 'claim')
      this.claims.push({ context, partition, offset: record.offset, term, owner });
    if (verdict.kind !== 'accepted') return null;
    const event = eventOf(record, context, partition);
    this.events.push(event);
    return event;
  }

  get next(): number {
    return this.reader.position.next;
  }

  result(): JournalPartition {
    const { context, partition, events, claims, skipped, corrupt } = this;
    return { context, partition, events, claims, skipped, corrupt, end: this.reader.position };
  }
}

function eventOf(record: StoredRecord, context: ContextName, partition: number): JournalEvent {
  const { headers } = record;
  return {
    context,
    partition,
    offset: record.offset,
    type: parseVersionedType(headers[header.type] ?? '')?.type ?? '',
    timeMs: Date.parse(headers[header.time] ?? ''),
    tenantId: headers[header.tenant] ?? '',
    commandId: headers[header.command] ?? null,
    data: parseBody(record.value) as Record<string, unknown>,
    term: headers[header.term] ?? '',
  };
}
