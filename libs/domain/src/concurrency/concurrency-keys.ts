import { type Concurrency } from '@fluxforge/events/catalogue';
import { type Task } from '@fluxforge/domain/task';

/**
 * The live tasks of one key: queued or leased. `standing` are those without a cancel, in the order in which
 * they were admitted.
 */
interface KeyUse {
  readonly standing: Set<Task>;
  live: number;
  leased: number;
  /** Grows with each lease of a task that takes turns; the key with the lowest is next. */
  turn: number;
  /** The newest standing task that cancels others; all that is older than it and beyond `keep` has to go. */
  by: Task | null;
  keep: number;
  /** Standing tasks that are older than `by`. */
  older: number;
}

/** Whether keys of this strategy share one place in the order, and take turns at it. */
export function takesTurns(concurrency: Concurrency | null | undefined): boolean {
  return concurrency?.strategy === 'round-robin';
}

export interface KeyTurns {
  readonly turns: number;
  readonly of: readonly (readonly [key: string, turn: number])[];
}

/**
 * The concurrency keys of one tenant. A fold of its tasks: only the turns of the keys are written down by
 * themselves. Each task is held to its own `max`, whatever others of the same key say. A task has one key at most
 * and holds it only while it is leased, so no two tasks can wait for each other: there are no cycles to look for.
 */
export class ConcurrencyKeys {
  private readonly uses = new Map<string, KeyUse>();
  private readonly crowded = new Set<KeyUse>();
  private turns = 0;
  /** Of keys whose tasks are still to come. */
  private readonly restored = new Map<string, number>();

  /** As many tasks of the key are leased as this one allows. */
  isTaken({ key, max }: Concurrency): boolean {
    return (this.uses.get(key)?.leased ?? 0) >= max;
  }

  /** A task that drops itself for others is not let in. */
  dropsNew({ key, max, strategy }: Concurrency): boolean {
    return strategy === 'drop-new' && (this.uses.get(key)?.live ?? 0) >= max;
  }

  /** What a task that is let in now cancels, the oldest first, at most `limit` of them. */
  superseded({ key, max, strategy }: Concurrency, limit: number): Task[] {
    const standing = this.uses.get(key)?.standing;
    if (strategy !== 'cancel-running' || !standing) return [];
    return firstOf(standing, Math.min(limit, standing.size - (max - 1)));
  }

  /** The next task that was superseded and still stands: more of them than one admission cancels. */
  nextSuperseded(): Task | null {
    let next: KeyUse | null = null;
    for (const use of this.crowded) if (!next || use.by!.order < next.by!.order) next = use;
    return next && (firstOf(next.standing, 1)[0] ?? null);
  }

  get hasSuperseded(): boolean {
    return this.crowded.size > 0;
  }

  /** Tasks are added in the order of their admission. */
  add(task: Task): void {
    const { concurrency } = task.spec;
    if (!concurrency) return;
    const use = this.useOf(concurrency.key);
    use.live += 1;
    if (task.lease) use.leased += 1;
    if (task.cancel) return;
    if (concurrency.strategy === 'cancel-running') {
      use.by = task;
      use.keep = concurrency.max - 1;
      use.older = use.standing.size;
    }
    use.standing.add(task);
    this.sync(use);
  }

  leased(task: Task): void {
    const use = this.find(task);
    if (!use) return;
    use.leased += 1;
    if (takesTurns(task.spec.concurrency)) use.turn = ++this.turns;
  }

  /** When the key comes, of those that take turns: the lowest first. One that is new comes after those that wait. */
  turnOf(key: string): number {
    return this.uses.get(key)?.turn ?? 0;
  }

  /** What the live tasks alone do not tell. By key: which came first is forgotten when its first task ends. */
  image(): KeyTurns {
    const { turns, of } = this.turnsNow();
    return { turns, of: [...of].sort(([a], [b]) => (a < b ? -1 : 1)) };
  }

  /** The same in no particular order. */
  turnsNow(): KeyTurns {
    return { turns: this.turns, of: [...this.uses].map(([key, { turn }]): [string, number] => [key, turn]) };
  }

  /** Before its tasks come: they are lined up by whose turn it is. */
  restore({ turns, of }: KeyTurns): void {
    this.turns = turns;
    for (const [key, turn] of of) this.restored.set(key, turn);
  }

  /** The lease has ended; the task may go on. */
  released(task: Task): void {
    const use = this.find(task);
    if (use) use.leased -= 1;
  }

  /** It is to be cancelled and lives until its run has ended. */
  cancelled(task: Task): void {
    const use = this.find(task);
    if (!use?.standing.delete(task)) return;
    if (use.by && task.order < use.by.order) use.older -= 1;
    else if (use.by === task) rule(use);
    this.sync(use);
  }

  /** It has ended, after its lease was given back. */
  remove(task: Task): void {
    const use = this.find(task);
    if (!use) return;
    this.cancelled(task);
    use.live -= 1;
    if (use.live > 0) return;
    this.crowded.delete(use);
    this.uses.delete(task.spec.concurrency?.key ?? '');
  }

  private find(task: Task): KeyUse | undefined {
    return task.spec.concurrency && this.uses.get(task.spec.concurrency.key);
  }

  private useOf(key: string): KeyUse {
    let use = this.uses.get(key);
    if (!use) {
      const turn = this.restored.get(key) ?? ++this.turns;
      this.restored.delete(key);
      use = { standing: new Set(), live: 0, leased: 0, turn, by: null, keep: 0, older: 0 };
      this.uses.set(key, use);
    }
    return use;
  }

  private sync(use: KeyUse): void {
    if (use.by && use.older > use.keep) this.crowded.add(use);
    else this.crowded.delete(use);
  }
}

function firstOf(tasks: Iterable<Task>, count: number): Task[] {
  const first: Task[] = [];
  for (const task of tasks) {
    if (first.length >= count) break;
    first.push(task);
  }
  return first;
}

/** Whose word counts now that the newest is gone. */
function rule(use: KeyUse): void {
  use.by = null;
  use.older = 0;
  let before = 0;
  for (const task of use.standing) {
    const { concurrency } = task.spec;
    if (concurrency?.strategy === 'cancel-running') {
      use.by = task;
      use.keep = concurrency.max - 1;
      use.older = before;
    }
    before += 1;
  }
}
