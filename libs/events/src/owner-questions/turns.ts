/** More are under way than may wait: who asks is to come again. */
export class TooManyQuestions extends Error {}

/** For each millisecond of the thread that answers take, so many are left to what the thread is there for. */
const restShare = 4;
/** Shorter rests are saved up: a timer would not keep them. */
const shortestRestMs = 5;

/**
 * Answers are made on the thread that leads partitions, and a question may look at all of a tenant's tasks. One after
 * another, and a fifth of the thread at most: otherwise who asks often enough would hold up all tenants.
 */
export class Turns {
  private waiting = 0;
  private owedMs = 0;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly mostWaiting: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Only what `answer` does before it first waits counts: what goes on in slices gives way by itself. */
  async take<T>(answer: () => Promise<T>): Promise<T> {
    if (this.waiting >= this.mostWaiting) throw new TooManyQuestions();
    this.waiting += 1;
    const before = this.last;
    let done = () => undefined as void;
    this.last = new Promise((resolve) => (done = resolve));
    await before;
    this.waiting -= 1;
    const fromMs = this.nowMs();
    try {
      return answer();
    } finally {
      this.owedMs += restShare * (this.nowMs() - fromMs);
      void this.rest().then(done);
    }
  }

  private async rest(): Promise<void> {
    if (this.owedMs < shortestRestMs) return;
    const restMs = this.owedMs;
    this.owedMs = 0;
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}
