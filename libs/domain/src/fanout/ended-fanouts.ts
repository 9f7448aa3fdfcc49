import { PriorityQueue, utf8Bytes } from '@fluxforge/domain/kernel';
import { type EndedFanout, type FanoutBook } from './fanout.js';

/** What is remembered of those that ended. Spans and sizes, not numbers: one may be a thousand times another. */
export interface KeptFanouts {
  readonly keptMs: number;
  /** Of all tenants of the partition together. */
  readonly keptBytes: number;
  readonly keptBytesOfTenant: number;
  /** Rejected ones of a tenant, which are small, and apart so that they put out none that ran. */
  readonly keptRejected: number;
}

/**
 * The fan-outs of a partition that ended, oldest first; each is found by its id in the book of its tenant. A tenant
 * puts out its own oldest ones. Where all of them together are too much, whoever holds most gives way: nobody loses
 * one while it holds less than its equal share.
 */
export class EndedFanouts {
  private readonly kept = new Map<EndedFanout, { readonly book: FanoutBook; readonly bytes: number }>();
  private readonly largest = new PriorityQueue<FanoutBook>();
  private bytes = 0;

  [Symbol.iterator](): IterableIterator<EndedFanout> {
    return this.kept.keys();
  }

  put(book: FanoutBook, ended: EndedFanout): void {
    this.drop(book, ended.id);
    const bytes = bytesOf(ended);
    this.kept.set(ended, { book, bytes });
    (ended.spec ? book.ended : book.rejected).set(ended.id, ended);
    this.weigh(book, bytes);
  }

  drop(book: FanoutBook, id: string): void {
    const ended = book.ended.get(id) ?? book.rejected.get(id);
    const found = ended && this.kept.get(ended);
    if (!found) return;
    this.kept.delete(ended);
    book.ended.delete(id);
    book.rejected.delete(id);
    this.weigh(book, -found.bytes);
  }

  /** `book` is the one that grew. By facts alone, so that every fold of the log remembers the same. */
  forget(book: FanoutBook, bounds: KeptFanouts, lastFactMs: number): void {
    for (const [oldest, found] of this.kept) {
      if (oldest.endedAtMs + bounds.keptMs >= lastFactMs) break;
      this.drop(found.book, oldest.id);
    }
    while (book.rejected.size > bounds.keptRejected) this.dropOldest(book, book.rejected);
    while (book.endedBytes > bounds.keptBytesOfTenant) this.dropOldest(book, book.ended);
    while (this.bytes > bounds.keptBytes) {
      const largest = this.largest.peek()!;
      this.dropOldest(largest, largest.ended);
    }
  }

  private dropOldest(book: FanoutBook, from: Map<string, EndedFanout>): void {
    const oldest = from.keys().next();
    if (!oldest.done) this.drop(book, oldest.value);
  }

  private weigh(book: FanoutBook, bytes: number): void {
    this.bytes += bytes;
    book.endedBytes += bytes;
    if (book.endedBytes > 0) this.largest.set(book, -book.endedBytes, book.order);
    else this.largest.delete(book);
  }
}

/** About what it takes in memory. */
const bytesOfOne = 1024;
const bytesOfMember = 64;

function bytesOf({ spec, members }: EndedFanout): number {
  if (!spec) return 0;
  let bytes = bytesOfOne + utf8Bytes(JSON.stringify(spec));
  for (const { agent_id } of members) bytes += bytesOfMember + agent_id.length;
  return bytes;
}
