import { type LogRecord, type TopicPartition } from '../log/index.js';

/**
 * What can be made to happen to the next append of a partition:
 * - `not-written`, `fatal`: nothing is in the log and the caller is told so.
 * - `lost-ack`: the batch is in the log; the caller hears of a timeout.
 * - `leadership-after-append`: the batch is in the log; the caller hears of a leadership error.
 * - `late`: the caller hears of a timeout; the batch lands when `landLate` is called.
 * - `never`: the caller hears of a timeout; the batch never lands.
 * - `duplicate`: the batch lands twice and the acknowledgement names the second copy.
 * - `foreign`: another writer's records land just before the batch.
 * - `held`: the append stays in flight until `until` resolves, then goes through.
 */
export type AppendFault =
  | { readonly kind: 'not-written' }
  | { readonly kind: 'fatal' }
  | { readonly kind: 'lost-ack' }
  | { readonly kind: 'leadership-after-append' }
  | { readonly kind: 'late' }
  | { readonly kind: 'never' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'foreign'; readonly records: readonly LogRecord[] }
  | { readonly kind: 'held'; readonly until: Promise<void> };

const MAX_SCRIPTED = 1_000;

/** Scripted faults and the batches that are still on their way, per partition, first in first out. */
export class AppendFaults {
  private readonly scripted = new Map<string, AppendFault[]>();
  private readonly late = new Map<string, (readonly LogRecord[])[]>();

  script(tp: TopicPartition, fault: AppendFault): void {
    push(this.scripted, tp, fault);
  }

  take(tp: TopicPartition): AppendFault | undefined {
    return this.scripted.get(keyOf(tp))?.shift();
  }

  keepLate(tp: TopicPartition, records: readonly LogRecord[]): void {
    push(this.late, tp, records);
  }

  takeLate(tp: TopicPartition): readonly LogRecord[] | undefined {
    return this.late.get(keyOf(tp))?.shift();
  }
}

export function keyOf(tp: TopicPartition): string {
  return `${tp.topic}/${tp.partition}`;
}

function push<T>(into: Map<string, T[]>, tp: TopicPartition, item: T): void {
  const list = into.get(keyOf(tp)) ?? [];
  if (list.length >= MAX_SCRIPTED) throw new Error(`more than ${MAX_SCRIPTED} scripted for ${keyOf(tp)}`);
  list.push(item);
  into.set(keyOf(tp), list);
}
