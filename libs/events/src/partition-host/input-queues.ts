import { startOfLog, type Position } from '@fluxforge/events/journal';
import { type RecordBatch } from '@fluxforge/events/log';
import { CommandSource, Fifo, ForeignSource } from './inputs.js';
import { type Source } from './requests.js';
import { type HostSettings } from './settings.js';

interface Waiting<Message> {
  readonly message: Message;
  readonly ticket: number;
  readonly cause: string;
}

/** What waits to be decided. */
export class InputQueues<Message> {
  readonly commands = new CommandSource();
  readonly foreign = new ForeignSource();
  readonly messages = new Fifo<Waiting<Message>>();

  constructor(private readonly limits: Pick<HostSettings, 'maxQueuedRecords' | 'maxQueuedMessages'>) {}

  get lengths(): { readonly commands: number; readonly foreign: number; readonly messages: number } {
    return { commands: this.commands.length, foreign: this.foreign.length, messages: this.messages.length };
  }

  hasRoom(source: Source): boolean {
    return this[source].length < this.limits.maxQueuedRecords;
  }

  feed(source: Source, batch: RecordBatch): void {
    this[source].feed(batch);
  }

  /** False when there is no room; then it is not taken. */
  offer(message: Message, ticket: number, cause: string): boolean {
    if (this.messages.length >= this.limits.maxQueuedMessages) return false;
    this.messages.push({ message, ticket, cause });
    return true;
  }

  restart(commandsFrom: number, foreignFrom: Position): void {
    this.commands.restart(commandsFrom);
    this.foreign.restart(foreignFrom);
  }

  empty(): void {
    this.restart(0, startOfLog);
    this.messages.clear();
  }
}
