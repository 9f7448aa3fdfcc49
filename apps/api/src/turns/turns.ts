import { crowded } from './crowded.js';

export interface TurnsOptions {
  /** Writes that are worked on at once. */
  readonly atOnce: number;
  /** Of one tenant; one more is refused. */
  readonly waiting: number;
  /**
   * A write that takes longer waits for something else than this server, as for a partition that does not answer: its
   * place is given to the next, or a few of them would hold up everybody.
   */
  readonly placeMs: number;
}

export interface Turn {
  /** Once the request is over, however it ended; as well when it is given up while it waits. */
  readonly over: () => void;
}

/**
 * Who is worked on next while more writes have come than are worked on at once: tenants take turns, whatever each of
 * them sends. A request of a tenant that sends few waits for those that are worked on and for one of each other tenant,
 * not for all that others have sent before it.
 */
export class Turns {
  private busy = 0;
  /** Those that wait, by tenant; the tenant whose turn is next comes first. */
  private readonly lines = new Map<string, Set<() => void>>();

  constructor(private readonly options: TurnsOptions) {}

  get waiting(): number {
    let all = 0;
    for (const line of this.lines.values()) all += line.size;
    return all;
  }

  /** `begin` is called when it is its turn, at once if it can be. Null: too many of the tenant wait. */
  enter(tenantId: string, begin: () => void): Turn | null {
    if (this.busy < this.options.atOnce) return this.start(begin);
    const line = this.lines.get(tenantId) ?? new Set<() => void>();
    if (line.size >= this.options.waiting) return null;
    let turn: Turn | null = null;
    const due = (): void => {
      turn = this.start(begin);
    };
    line.add(due);
    this.lines.set(tenantId, line);
    return { over: () => (turn ? turn.over() : this.giveUp(tenantId, due)) };
  }

  /**
   * The work, in the tenant's turn.
   * @throws ProblemError when too many of the tenant wait
   */
  during<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const turn = this.enter(tenantId, () => {
        // Whatever it throws: its place must not be lost.
        void (async () => work())()
          .then(resolve, reject)
          .finally(() => turn?.over());
      });
      if (!turn) reject(crowded());
    });
  }

  private start(begin: () => void): Turn {
    this.busy += 1;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.busy -= 1;
      this.next();
    };
    const timer = setTimeout(over, this.options.placeMs).unref();
    begin();
    return { over };
  }

  private next(): void {
    for (const [tenantId, line] of this.lines) {
      if (this.busy >= this.options.atOnce) return;
      for (const due of line) {
        line.delete(due);
        this.lines.delete(tenantId);
        if (line.size > 0) this.lines.set(tenantId, line);
        return due();
      }
    }
  }

  private giveUp(tenantId: string, due: () => void): void {
    const line = this.lines.get(tenantId);
    if (line?.delete(due) && line.size === 0) this.lines.delete(tenantId);
  }
}
