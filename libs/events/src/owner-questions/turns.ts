/** More are under way than may wait: who asks is to come again. */
export class TooManyQuestions extends Error {}

/** For each millisecond of the thread that answers take, so many are left to what the thread is there for. */
const restShare = 4;
/** Shorter rests are saved up: a timer would not keep them. */
const shortestRestMs = 5;

/** For the rest of an answer that is not made in one piece. */
export type Slices = Pick<Turns, 'slice'>;

/**
 * Answers are made on the thread that leads partitions, and a question may look at all of a tenant's tasks. One after
 * another, and a fifth of the thread at most: otherwise who asks often enough would hold up all tenants. Folds of the
 * past are not counted: they give way by themselves, and wait in a `TenantLine`.
 */
export class Turns {
  private waiting = 0;
  private owedMs = 0;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly mostWaiting: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** What `answer` does before it first waits is one piece; what goes on after that is to be done in slices. */
  async take<T>(answer: () => Promise<T>): Promise<T> {
    if (this.waiting >= this.mostWaiting) throw new TooManyQuestions();
    return this.inTurn(answer);
  }

  /** In line like a question, but never refused: who has begun to answer comes to its end. New ones are, meanwhile. */
  async slice<T>(work: () => T): Promise<T> {
    return this.inTurn(work);
  }

  private async inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const before = this.last;
    let done = () => undefined as void;
    this.last = new Promise((resolve) => (done = resolve));
    this.waiting += 1;
    await before;
    this.waiting -= 1;
    const fromMs = this.nowMs();
    let made: T | Promise<T>;
    try {
      made = work();
    } finally {
      this.owedMs += restShare * (this.nowMs() - fromMs);
      void this.rest().then(done);
    }
    return made;
  }

  private async rest(): Promise<void> {
    if (this.owedMs < shortestRestMs) return;
    const restMs = this.owedMs;
    this.owedMs = 0;
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}
