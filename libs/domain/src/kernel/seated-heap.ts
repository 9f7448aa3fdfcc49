/**
 * A heap of things that know their own place in it, for queues of millions: no entry and no map beside the thing
 * itself. Ranks stand beside the heap and each node has four children, so that a comparison seldom looks into a
 * thing: of a million, hardly any is at hand in the processor's caches. Rank and tie must not change while it stands
 * here. As with `PriorityQueue`, no two of one heap may have the same tie.
 */
export abstract class SeatedHeap<T> {
  private readonly heap: T[] = [];
  /** Of what stands at the same place in the heap. */
  private readonly ranks: number[] = [];

  protected abstract rankOf(item: T): number;
  protected abstract tieOf(item: T): number;

  /** Of two with the same rank. */
  protected comesAfter(a: T, b: T): boolean {
    return this.tieOf(a) > this.tieOf(b);
  }

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
    return this.ranks[0] ?? Infinity;
  }

  peekTie(): number {
    const first = this.heap[0];
    return first === undefined ? Infinity : this.tieOf(first);
  }

  add(item: T): void {
    if (this.seatOf(item) >= 0) return;
    const at = this.heap.push(item) - 1;
    this.ranks.push(this.rankOf(item));
    this.rise(item, this.ranks[at]!, at);
  }

  delete(item: T): boolean {
    const at = this.seatOf(item);
    if (at < 0) return false;
    this.seat(item, -1);
    const last = this.heap.pop()!;
    const rank = this.ranks.pop()!;
    if (last === item) return true;
    this.sink(last, rank, at);
    return true;
  }

  private put(item: T, rank: number, at: number): void {
    this.heap[at] = item;
    this.ranks[at] = rank;
    this.seat(item, at);
  }

  private rise(item: T, rank: number, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 2;
      const rankAbove = this.ranks[above]!;
      const parent = this.heap[above]!;
      if (rank > rankAbove || (rank === rankAbove && this.comesAfter(item, parent))) break;
      this.put(parent, rankAbove, at);
      at = above;
    }
    this.put(item, rank, at);
  }

  /**
   * To the bottom along the best children, and up from there: what is sunk is nearly always the last of the heap,
   * which belongs there.
   */
  private sink(item: T, rank: number, from: number): void {
    let at = from;
    for (let first = 4 * at + 1; first < this.heap.length; first = 4 * at + 1) {
      const best = this.bestFrom(first);
      this.put(this.heap[best]!, this.ranks[best]!, at);
      at = best;
    }
    this.rise(item, rank, at);
  }

  /** Of the children that begin here. */
  private bestFrom(first: number): number {
    const { heap, ranks } = this;
    const end = Math.min(first + 4, heap.length);
    let best = first;
    let least = ranks[first]!;
    for (let at = first + 1; at < end; at++) {
      const rank = ranks[at]!;
      if (rank > least || (rank === least && this.comesAfter(heap[at]!, heap[best]!))) continue;
      best = at;
      least = rank;
    }
    return best;
  }
}
