import { type ContextName } from '@fluxforge/events/catalogue';
import { type Database } from '../queries/database.js';
import { type WriteToken } from '../queries/read-models.js';
import { PositionEntity } from './entity.js';
import { viewsProjection } from './standing.js';

const pollMs = 10;

interface Waiter {
  readonly token: WriteToken;
  readonly deadlineMs: number;
  resolve(covered: boolean): void;
  reject(error: unknown): void;
}

/**
 * Waits until the views cover a command. However many wait, there is one small query at a time, and none
 * while nobody waits.
 */
export class Coverage {
  private readonly waiters = new Set<Waiter>();
  private polling = false;

  constructor(
    private readonly database: Database,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  async covered(context: ContextName, partition: number): Promise<number> {
    return this.database.run(async (source) => {
      const found = await source
        .getRepository(PositionEntity)
        .findOneBy({ projection: viewsProjection, context, partition });
      return found?.covers_commands ?? 0;
    });
  }

  wait(token: WriteToken, waitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiters.add({ token, deadlineMs: this.nowMs() + waitMs, resolve, reject });
      if (!this.polling) void this.poll();
    });
  }

  private async poll(): Promise<void> {
    this.polling = true;
    while (this.waiters.size > 0) {
      // Those that come while the query runs are looked at with the next one.
      const asked = [...this.waiters];
      try {
        this.settle(asked, await this.all());
      } catch (error: unknown) {
        for (const waiter of asked) this.end(waiter, () => waiter.reject(error));
      }
      if (this.waiters.size > 0) await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    this.polling = false;
  }

  private settle(asked: readonly Waiter[], covered: ReadonlyMap<string, number>): void {
    const now = this.nowMs();
    for (const waiter of asked) {
      const { context, partition, offset } = waiter.token;
      if ((covered.get(`${context}/${partition}`) ?? 0) > offset)
        this.end(waiter, () => waiter.resolve(true));
      else if (now >= waiter.deadlineMs) this.end(waiter, () => waiter.resolve(false));
    }
  }

  private end(waiter: Waiter, tell: () => void): void {
    this.waiters.delete(waiter);
    tell();
  }

  private all(): Promise<Map<string, number>> {
    return this.database.run(async (source) => {
      const found = await source.getRepository(PositionEntity).findBy({ projection: viewsProjection });
      return new Map(found.map((p) => [`${p.context}/${p.partition}`, p.covers_commands]));
    });
  }
}
