/** A moment on the monotonic clock by which something must be over. */
export class Deadline {
  private readonly atMs: number;

  constructor(timeoutMs: number) {
    this.atMs = performance.now() + timeoutMs;
  }

  leftMs(): number {
    return Math.max(0, this.atMs - performance.now());
  }

  get over(): boolean {
    return this.leftMs() === 0;
  }
}

/** The promise's outcome, or the given error when it takes too long; a later outcome is dropped. */
export function within<T>(promise: Promise<T>, timeoutMs: number, tooLate: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), timeoutMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Full jitter over a doubling ceiling: many clients of one broker must not come back in step. */
export function backoffMs(attempt: number, firstMs: number, maxMs: number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
