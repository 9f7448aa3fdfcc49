/**
 * A binary heap of things that know their own place in it, for queues of millions: no entry and no map beside the
 * thing itself. Rank and tie must not change while it stands here. As with `PriorityQueue`, no two of one heap
 * may have the same tie.
 */
export abstract class SeatedHeap<T> {
  private readonly heap: T[] = [];

  protected abstract rankOf(item: T): number;
  protected abstract tieOf(item: T): number;
  /** Minus one: not here. */
  protected abstract seatOf(item: T): number;
  protected abstract seat(item: T, at: number): void;

  get size(): number {
    return this.heap.length;
  }

  has(item: T): boolean {
    return this.seatOf(item) >= 0;
  }

  peek(): T | undefined {
    return this.heap[0];
  }

  /** Infinity when there is none, so that minima need no case for empty. */
  peekRank(): number {
    const first = this.heap[0];
    return first === undefined ? Infinity : this.rankOf(first);
  }

  peekTie(): number {
    const first = this.heap[0];
    return first === undefined ? Infinity : this.tieOf(first);
  }

  add(item: T): void {
    if (this.seatOf(item) >= 0) return;
    this.heap.push(item);
    this.rise(item, this.heap.length - 1);
  }

  delete(item: T): boolean {
    const at = this.seatOf(item);
    if (at < 0) return false;
    this.seat(item, -1);
    const last = this.heap.pop()!;
    if (last === item) return true;
    this.sink(last, at);
    return true;
  }

  protected isBefore(a: T, b: T): boolean {
    const rankA = this.rankOf(a);
    const rankB = this.rankOf(b);
    return rankA < rankB || (rankA === rankB && this.tieOf(a) < this.tieOf(b));
  }

  private rise(item: T, from: number): void {
    const { heap } = this;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above]!;
      if (!this.isBefore(item, parent)) break;
      heap[at] = parent;
      this.seat(parent, at);
      at = above;
    }
    heap[at] = item;
    this.seat(item, at);
  }

  /**
   * To the bottom along the better children, and up from there: what is sunk is nearly always the last of the heap,
   * which belongs there, and each comparison saved is a look into memory that is not at hand.
   */
  private sink(item: T, from: number): void {
    const { heap } = this;
    let at = from;
    for (let below = 2 * at + 1; below < heap.length; below = 2 * at + 1) {
      const right = below + 1;
      if (right < heap.length && this.isBefore(heap[right]!, heap[below]!)) below = right;
      const child = heap[below]!;
      heap[at] = child;
      this.seat(child, at);
      at = below;
    }
    this.rise(item, at);
  }
}
