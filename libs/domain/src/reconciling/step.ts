import { type Decided } from '@fluxforge/events/catalogue';
import { type OwnBody } from '@fluxforge/domain/desired-state';

/** Rough size of an event without anything long in it. */
export const smallEventBytes = 600;

/**
 * What one planning step gives, within the room of a batch. The first event is always taken, whatever its
 * size: the event that declared the state was larger, so it fits in a batch of its own.
 */
export class Step {
  readonly events: Decided<OwnBody>[] = [];
  private bytes = 0;

  constructor(
    private readonly room: number,
    private readonly maxBytes: number,
  ) {}

  get empty(): boolean {
    return this.events.length === 0;
  }

  /** How many more small events may come. */
  get full(): boolean {
    return this.events.length >= this.room || (this.bytes >= this.maxBytes && this.events.length > 0);
  }

  fits(events: number, bytes: number): boolean {
    if (this.events.length + events > this.room) return false;
    return this.events.length === 0 || this.bytes + bytes <= this.maxBytes;
  }

  push(event: Decided<OwnBody>, bytes = smallEventBytes): void {
    this.events.push(event);
    this.bytes += bytes;
  }
}
