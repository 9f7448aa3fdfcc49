import { rankOf } from '@fluxforge/domain/scheduling';
import { type Task } from '@fluxforge/domain/task';

/** Ids named in one remedy or list of holders. */
export const tasksNamed = 64;

/** The first of many tasks, and how many they are. */
export class NamedTasks {
  readonly ids: string[] = [];
  count = 0;

  add(id: string): void {
    this.count += 1;
    if (this.ids.length < tasksNamed) this.ids.push(id);
  }

  addAll({ ids, count }: Pick<NamedTasks, 'ids' | 'count'>): this {
    this.count += count;
    this.ids.push(...ids.slice(0, tasksNamed - this.ids.length));
    return this;
  }

  /** `id` is one of them, named or not. */
  without(id: string): Pick<NamedTasks, 'ids' | 'count'> {
    return { ids: this.ids.filter((one) => one !== id), count: Math.max(0, this.count - 1) };
  }

  /** How many of them are not named. */
  get more(): number {
    return this.count - this.ids.length;
  }
}

/** The most urgent of many tasks, in their order: whichever order they come in, only so many are kept. */
export class FirstTasks {
  private readonly first: Task[] = [];
  private count = 0;

  constructor(private readonly agingMs: number) {}

  add(task: Task): void {
    const { first } = this;
    this.count += 1;
    const last = first.at(-1);
    if (first.length >= tasksNamed && last && !this.isBefore(task, last)) return;
    let at = first.length;
    while (at > 0 && this.isBefore(task, first[at - 1]!)) at -= 1;
    first.splice(at, 0, task);
    if (first.length > tasksNamed) first.pop();
  }

  get named(): Pick<NamedTasks, 'ids' | 'count'> {
    return { ids: this.first.map(({ id }) => id), count: this.count };
  }

  private isBefore(a: Task, b: Task): boolean {
    const rank = rankOf(a, this.agingMs) - rankOf(b, this.agingMs);
    return rank < 0 || (rank === 0 && a.order < b.order);
  }
}
