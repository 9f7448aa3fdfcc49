import { type StoredRecord } from '@fluxforge/events/log';
import { type HostRequest, type Source } from './requests.js';

interface Parked {
  readonly stage: 'none' | 'waiting' | 'done';
  readonly offset: number;
}

const none: Parked = { stage: 'none', offset: -1 };

/** Poison at the head of a source, which waits until the dead letters topic has it. */
export class Parking {
  private heads: Record<Source, Parked> = { commands: none, foreign: none };

  constructor(
    private readonly ask: (request: Extract<HostRequest<never>, { kind: 'dead-letter' }>) => void,
  ) {}

  clear(): void {
    this.heads = { commands: none, foreign: none };
  }

  /** True once the dead letters topic has the record: only then may the input count as covered. */
  park(source: Source, record: StoredRecord, reason: string): boolean {
    const { stage } = this.heads[source];
    if (stage === 'done') {
      this.heads[source] = none;
      return true;
    }
    if (stage === 'none') this.ask({ kind: 'dead-letter', source, record, reason });
    this.heads[source] = { stage: 'waiting', offset: record.offset };
    return false;
  }

  /** The dead letters topic has the record at this offset. */
  parked(source: Source, offset: number): void {
    const at = this.heads[source];
    // The answer to what an earlier term asked for says nothing of the record that waits now.
    if (at.stage === 'waiting' && at.offset === offset) this.heads[source] = { stage: 'done', offset };
  }
}
