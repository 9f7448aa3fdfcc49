import { TooManyQuestions } from './turns.js';

interface LineSettings {
  /** From coming into the line until the turn. At least what the longest turn takes, or who is next may miss it. */
  readonly waitMs: number;
  readonly mostOfTenant?: number;
  readonly most?: number;
}

interface Waiting {
  readonly tenantId: string;
  readonly begin: () => void;
  readonly refuse: () => void;
}

const mostServed = 1_024;

/**
 * For answers that take long: one at a time, and next is the tenant whose last turn is the longest ago. So whoever
 * keeps asking comes to its turn behind one turn of each of the others, however often those ask. The line is bounded,
 * for each tenant and as a whole; when it is full, the one that would come last is refused, be it new or not.
 */
export class TenantLine {
  private readonly mostOfTenant: number;
  private readonly most: number;
  private readonly waiting: Waiting[] = [];
  private isTaken = false;
  private turns = 0;
  /** The number of each tenant's last turn, the oldest first; who is forgotten counts as never served. */
  private readonly served = new Map<string, number>();

  constructor(private readonly settings: LineSettings) {
    this.mostOfTenant = settings.mostOfTenant ?? 4;
    this.most = settings.most ?? 32;
  }

  /** @throws TooManyQuestions when there is no place in the line, or the wait is over without a turn */
  async take<T>(tenantId: string, answer: () => Promise<T>): Promise<T> {
    if (this.isTaken) await this.wait(tenantId);
    this.isTaken = true;
    this.countTurn(tenantId);
    try {
      return await answer();
    } finally {
      this.isTaken = false;
      this.next();
    }
  }

  private wait(tenantId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (): void => {
        this.leave(one);
        reject(new TooManyQuestions());
      };
      const timer = setTimeout(refuse, this.settings.waitMs);
      timer.unref();
      const settled = (then: () => void) => () => {
        clearTimeout(timer);
        then();
      };
      const one: Waiting = { tenantId, begin: settled(resolve), refuse: settled(refuse) };
      this.waiting.push(one);
      const ofTenant = this.waiting.filter((other) => other.tenantId === tenantId).length;
      if (ofTenant > this.mostOfTenant) return one.refuse();
      if (this.waiting.length > this.most) this.inOrder().at(-1)!.refuse();
    });
  }

  private next(): void {
    const first = this.inOrder()[0];
    if (!first) return;
    this.leave(first);
    // At once, so that nobody who comes before it goes on takes its turn.
    this.isTaken = true;
    first.begin();
  }

  /** Each tenant's first question before anybody's second. */
  private inOrder(): Waiting[] {
    const seen = new Map<string, number>();
    const ranked = this.waiting.map((one) => {
      const place = seen.get(one.tenantId) ?? 0;
      seen.set(one.tenantId, place + 1);
      return { one, place, lastTurn: this.served.get(one.tenantId) ?? 0 };
    });
    return ranked.sort((a, b) => a.place - b.place || a.lastTurn - b.lastTurn).map(({ one }) => one);
  }

  private countTurn(tenantId: string): void {
    this.served.delete(tenantId);
    this.served.set(tenantId, (this.turns += 1));
    if (this.served.size > mostServed) this.served.delete(this.served.keys().next().value!);
  }

  private leave(one: Waiting): void {
    const at = this.waiting.indexOf(one);
    if (at >= 0) this.waiting.splice(at, 1);
  }
}
