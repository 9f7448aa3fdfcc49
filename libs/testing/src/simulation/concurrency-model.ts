import { type Concurrency, type Fact } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

interface Keyed {
  readonly id: string;
  readonly concurrency: Concurrency;
  leased: boolean;
  cancelled: boolean;
}

/** Who has which key in one partition: no task is leased beside more of its key than it allows. */
export class ConcurrencyModel {
  /** By tenant and key, in the order of admission. */
  private readonly keys = new Map<string, Keyed[]>();
  private readonly keyOf = new Map<string, string>();

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'task.queued':
        return this.queued(fact);
      case 'task.rejected':
        if (fact.data.reason === 'concurrency_dropped') this.counters.add('key dropped');
        return;
      case 'task.leased':
        return this.leased(fact);
      case 'task.cancel-requested': {
        const task = this.find(fact.tenantId, fact.data.task_id);
        if (task) task.cancelled = true;
        if (fact.data.reason === 'concurrency_superseded') this.counters.add('superseded');
        return;
      }
      case 'task.attempt-ended': {
        const task = this.find(fact.tenantId, fact.data.task_id);
        if (task) task.leased = false;
        return;
      }
      case 'task.ended':
        return this.ended(fact);
      default:
        return;
    }
  }

  private queued({ tenantId, data }: Fact & { type: 'task.queued' }): void {
    const { concurrency } = data.spec;
    if (!concurrency) return;
    const name = `${tenantId}/${concurrency.key}`;
    const others = this.keys.get(name) ?? [];
    if (concurrency.strategy === 'drop-new') {
      const room = others.length < concurrency.max;
      insist(room, 'concurrency keys', () => `${name}: ${data.task_id} beside ${others.length}`);
    }
    others.push({ id: data.task_id, concurrency, leased: false, cancelled: false });
    this.keys.set(name, others);
    this.keyOf.set(`${tenantId}/${data.task_id}`, name);
  }

  private leased({ tenantId, data }: Fact & { type: 'task.leased' }): void {
    const task = this.find(tenantId, data.task_id);
    if (!task) return;
    const { max, key, strategy } = task.concurrency;
    const all = this.keys.get(`${tenantId}/${key}`) ?? [];
    const running = all.filter(({ leased }) => leased).length;
    insist(running < max, 'concurrency keys', () => `${data.task_id} has ${key} beside ${running} of ${max}`);
    if (running === max - 1 && all.length > max) this.counters.add('key taken');
    task.leased = true;
    if (strategy !== 'cancel-running') return;
    const older = all.slice(0, all.indexOf(task)).filter(({ cancelled }) => !cancelled).length;
    insist(older < max, 'superseded', () => `${data.task_id} starts, and ${older} before it still stand`);
  }

  private ended({ tenantId, data }: Fact & { type: 'task.ended' }): void {
    const name = this.keyOf.get(`${tenantId}/${data.task_id}`);
    if (name === undefined) return;
    if (data.reason === 'concurrency_superseded') this.counters.add('superseded');
    this.keyOf.delete(`${tenantId}/${data.task_id}`);
    const left = (this.keys.get(name) ?? []).filter(({ id }) => id !== data.task_id);
    this.keys.set(name, left);
  }

  private find(tenantId: string, taskId: string): Keyed | undefined {
    const name = this.keyOf.get(`${tenantId}/${taskId}`);
    return name === undefined ? undefined : this.keys.get(name)?.find(({ id }) => id === taskId);
  }
}
