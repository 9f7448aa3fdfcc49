import { type Decided, type Provenance } from '@fluxforge/events/catalogue';
import { encodeEvent, type EventOrigin } from '@fluxforge/events/envelope';
import { type LogRecord } from '@fluxforge/events/log';
import { formatTerm, type Covered, type EpochTerm, type Pending } from '@fluxforge/events/journal';
import { type HostSettings } from './settings.js';

/** The journal's own headers (hash, owner, two positions) and the framing of a record. */
const sealedBytes = 512;

/** As the log will count it: a command's reason is copied to each of its events, and can outweigh their values. */
function bytesOf(record: LogRecord): number {
  let bytes = sealedBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const name in record.headers) {
    const text = record.headers[name] as string;
    // Three bytes are the most that UTF-8 needs for one unit of a string.
    bytes += name.length + (text.length < 64 ? text.length : text.length * 3);
  }
  return bytes;
}

/** The batch that is being gathered: events in order, each with what is covered once it is in the log. */
export class BatchBuilder {
  private readonly pending: Pending[] = [];
  private bytes = 0;

  constructor(
    private readonly settings: HostSettings,
    private readonly terms: EpochTerm,
    private readonly firstSeq: number,
    /** Covered before this batch. */
    private covered: Covered,
  ) {}

  get size(): number {
    return this.pending.length;
  }

  /** Whether another input may be taken: half of the batch is kept for what it decides. */
  get roomy(): boolean {
    return (
      this.pending.length < this.settings.maxBatchRecords / 2 && this.bytes < this.settings.maxBatchBytes / 2
    );
  }

  get roomLeft(): number {
    return this.bytes < this.settings.maxBatchBytes / 2
      ? this.settings.maxBatchRecords - this.pending.length
      : 0;
  }

  /**
   * Encodes the events of one input, or of one planning step, behind those that are there. False when
   * they do not fit; then nothing has been added.
   */
  add(
    decided: readonly Decided[],
    timeMs: number,
    provenance: (d: Decided) => Provenance,
    commandId: string | null,
  ): EventOrigin[] | null {
    if (this.pending.length + decided.length > this.settings.maxBatchRecords) return null;
    const origins: EventOrigin[] = [];
    const added: Pending[] = [];
    let bytes = 0;
    for (const event of decided) {
      const origin = this.origin(this.pending.length + added.length, timeMs, provenance(event), commandId);
      const record = encodeEvent(event, origin);
      bytes += bytesOf(record);
      origins.push(origin);
      added.push({ record, covered: this.covered });
    }
    if (this.bytes + bytes > this.settings.maxBatchBytes) return null;
    this.pending.push(...added);
    this.bytes += bytes;
    return origins;
  }

  /** An input has been dealt with: the last event so far, and all that follow, stand behind it. */
  cover(covered: Covered): void {
    this.covered = covered;
    const last = this.pending.length - 1;
    const tail = this.pending[last];
    if (tail) this.pending[last] = { ...tail, covered };
  }

  seal(): readonly Pending[] {
    return this.pending;
  }

  private origin(
    index: number,
    timeMs: number,
    provenance: Provenance,
    commandId: string | null,
  ): EventOrigin {
    const { context, partition } = this.settings;
    const id = `${context}-${partition}-${formatTerm(this.terms)}-${this.firstSeq + index}`;
    return { context, id, timeMs, provenance, commandId };
  }
}
