interface Entry<K> {
  readonly key: K;
  rank: number;
  tie: number;
  at: number;
}

function before<K>(a: Entry<K>, b: Entry<K>): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.tie < b.tie);
}

/**
 * A binary heap that also knows where each key is: lowest rank first, then lowest tie; any key can be moved
 * or taken out in O(log n). Give keys of one queue different ties: among equals the order would hang on the
 * history of insertions, which a snapshot does not keep.
 */
export class PriorityQueue<K> {
  private readonly heap: Entry<K>[] = [];
  private readonly entries = new Map<K, Entry<K>>();

  get size(): number {
    return this.heap.length;
  }

  has(key: K): boolean {
    return this.entries.has(key);
  }

  rankOf(key: K): number | undefined {
    return this.entries.get(key)?.rank;
  }

  peek(): K | undefined {
    return this.heap[0]?.key;
  }

  /** Rank of the first key; infinity when there is none, so that minima need no case for empty. */
  peekRank(): number {
    return this.heap[0]?.rank ?? Infinity;
  }

  peekTie(): number {
    return this.heap[0]?.tie ?? Infinity;
  }

  /** Puts the key in, or moves it. */
  set(key: K, rank: number, tie: number): void {
    const found = this.entries.get(key);
    if (found) {
      if (found.rank === rank && found.tie === tie) return;
      found.rank = rank;
      found.tie = tie;
      this.settle(found);
      return;
    }
    const entry: Entry<K> = { key, rank, tie, at: this.heap.length };
    this.heap.push(entry);
    this.entries.set(key, entry);
    this.rise(entry);
  }

  delete(key: K): boolean {
    const entry = this.entries.get(key);
    if (!entry) return false;
    this.entries.delete(key);
    const last = this.heap.pop()!;
    if (last !== entry) {
      last.at = entry.at;
      this.heap[last.at] = last;
      this.settle(last);
    }
    return true;
  }

  pop(): K | undefined {
    const first = this.heap[0];
    if (!first) return undefined;
    this.delete(first.key);
    return first.key;
  }

  /** In no particular order. */
  keys(): IterableIterator<K> {
    return this.entries.keys();
  }

  private settle(entry: Entry<K>): void {
    this.rise(entry);
    this.sink(entry);
  }

  private rise(entry: Entry<K>): void {
    const heap = this.heap;
    while (entry.at > 0) {
      const parent = heap[(entry.at - 1) >> 1]!;
      if (!before(entry, parent)) return;
      this.swap(entry, parent);
    }
  }

  private sink(entry: Entry<K>): void {
    const heap = this.heap;
    for (;;) {
      const left = heap[2 * entry.at + 1];
      if (!left) return;
      const right = heap[2 * entry.at + 2];
      const child = right && before(right, left) ? right : left;
      if (!before(child, entry)) return;
      this.swap(child, entry);
    }
  }

  private swap(a: Entry<K>, b: Entry<K>): void {
    const at = a.at;
    a.at = b.at;
    b.at = at;
    this.heap[a.at] = a;
    this.heap[b.at] = b;
  }
}
