/** What has arrived so far, and a way to wait for more with a deadline. */
export class Received<T> {
  readonly all: T[] = [];
  private watchers: (() => void)[] = [];

  add(item: T): void {
    this.all.push(item);
    for (const watcher of [...this.watchers]) watcher();
  }

  count(predicate: (item: T) => boolean): number {
    return this.all.filter(predicate).length;
  }

  /** The first item that fits, past ones included. */
  async first<S extends T>(what: string, predicate: (item: T) => item is S, withinMs?: number): Promise<S>;
  async first(what: string, predicate: (item: T) => boolean, withinMs?: number): Promise<T>;
  async first(what: string, predicate: (item: T) => boolean, withinMs = 10_000): Promise<T> {
    return this.nth(1, what, predicate, withinMs);
  }

  async nth(n: number, what: string, predicate: (item: T) => boolean, withinMs = 10_000): Promise<T> {
    const endsAtMs = performance.now() + withinMs;
    for (;;) {
      const found = this.all.filter(predicate)[n - 1];
      if (found !== undefined) return found;
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0) throw new Error(`within ${withinMs} ms there was no ${what} (number ${n})`);
      await this.change(leftMs);
    }
  }

  private change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.watchers = this.watchers.filter((watcher) => watcher !== done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.watchers.push(done);
    });
  }
}
