import { type Command, type CommandBody } from '@fluxforge/events/catalogue';
import {
  decodeCommand,
  decodeEvent,
  header,
  PoisonRecord,
  type RecordedEvent,
} from '@fluxforge/events/envelope';
import { type RecordBatch, type StoredRecord } from '@fluxforge/events/log';
import { JournalReader, type Position } from '@fluxforge/events/journal';

/** An array with a moving head: taking from the front costs nothing. */
export class Fifo<T> {
  private items: T[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  shift(): T | undefined {
    const item = this.items[this.head];
    if (this.head < this.items.length) this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** Puts another item in the place of the first. */
  replace(item: T): void {
    this.items[this.head] = item;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }
}

/** What the head of the commands partition holds. */
export type CommandInput =
  | { readonly kind: 'command'; readonly command: Command<CommandBody>; readonly next: number }
  | { readonly kind: 'poison'; readonly record: StoredRecord; readonly reason: string; readonly next: number }
  | { readonly kind: 'pass'; readonly next: number };

/** Commands in log order, from a position on. */
export class CommandSource {
  private readonly queue = new Fifo<CommandInput>();
  /** Next offset that the source expects to be given. */
  private fed = 0;

  get length(): number {
    return this.queue.length;
  }

  restart(from: number): void {
    this.queue.clear();
    this.fed = from;
  }

  feed(batch: RecordBatch): void {
    for (const record of batch.records) {
      if (record.offset < this.fed) continue;
      this.fed = record.offset + 1;
      this.queue.push(commandInput(record));
    }
    if (batch.next > this.fed) {
      this.fed = batch.next;
      this.queue.push({ kind: 'pass', next: batch.next });
    }
  }

  peek(): CommandInput | undefined {
    return this.queue.peek();
  }

  take(): void {
    this.queue.shift();
  }
}

function commandInput(record: StoredRecord): CommandInput {
  const next = record.offset + 1;
  try {
    return { kind: 'command', command: decodeCommand(record), next };
  } catch (error: unknown) {
    if (!(error instanceof PoisonRecord)) throw error;
    return { kind: 'poison', record, reason: error.message, next };
  }
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Whom to answer about a command that cannot be understood; null when not even that can be told. */
export function senderOf(record: StoredRecord): { readonly id: string; readonly tenantId: string } | null {
  const id = record.headers[header.id] ?? '';
  const tenantId = record.headers[header.tenant] ?? '';
  return idPattern.test(id) && idPattern.test(tenantId) ? { id, tenantId } : null;
}

/** What the head of the other context's events partition holds; `at` is the position behind it. */
export type ForeignInput =
  | {
      readonly kind: 'fact';
      readonly record: StoredRecord;
      readonly event: RecordedEvent;
      readonly at: Position;
    }
  | { readonly kind: 'poison'; readonly record: StoredRecord; readonly reason: string; readonly at: Position }
  /** The other context's partition has a new owner. */
  | { readonly kind: 'claim'; readonly at: Position }
  | { readonly kind: 'pass'; readonly at: Position };

/** Accepted events of the other context, judged by the reader's rule, from a position on. */
export class ForeignSource {
  private readonly queue = new Fifo<ForeignInput>();
  private reader: JournalReader | null = null;

  get length(): number {
    return this.queue.length;
  }

  /** Why the other context's log cannot be read on, or null. */
  get halted(): string | null {
    return this.reader?.halted ?? null;
  }

  /** The offset that the source expects to be given next. */
  get next(): number {
    return this.reader?.position.next ?? 0;
  }

  restart(from: Position): void {
    this.queue.clear();
    this.reader = new JournalReader(from);
  }

  feed(batch: RecordBatch): void {
    const reader = this.reader;
    if (!reader) return;
    let passed = false;
    for (const record of batch.records) {
      if (record.offset < reader.position.next) continue;
      const verdict = reader.read(record);
      passed = verdict.kind !== 'accepted' && verdict.kind !== 'claim';
      if (verdict.kind === 'accepted') this.queue.push(foreignInput(record, reader.position));
      if (verdict.kind === 'claim') this.queue.push({ kind: 'claim', at: reader.position });
    }
    if (batch.next > reader.position.next) {
      reader.passTo(batch.next);
      passed = true;
    }
    // A position says nothing of a halt: whoever began at one behind the corruption would read on.
    if (reader.halted !== null) return;
    // Void records move the position as well, or it would be read again for ever.
    if (passed) this.queue.push({ kind: 'pass', at: reader.position });
  }

  peek(): ForeignInput | undefined {
    return this.queue.peek();
  }

  take(): void {
    this.queue.shift();
  }

  /** The event at the head cannot be decided: from now on it is poison. */
  spoil(reason: string): void {
    const input = this.queue.peek();
    if (input?.kind !== 'fact') return;
    this.queue.replace({ kind: 'poison', record: input.record, reason, at: input.at });
  }
}

function foreignInput(record: StoredRecord, at: Position): ForeignInput {
  try {
    return { kind: 'fact', record, event: decodeEvent(record), at };
  } catch (error: unknown) {
    if (!(error instanceof PoisonRecord)) throw error;
    return { kind: 'poison', record, reason: error.message, at };
  }
}
