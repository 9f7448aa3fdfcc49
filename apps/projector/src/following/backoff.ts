const firstMs = 100;
const maxMs = 5_000;

/** Capped exponential waiting with full jitter, so that partitions do not come back all at once. */
export function backoffMs(failures: number, random: () => number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures, 10)) * (0.5 + random() / 2);
}

/** A wait that ends early when the signal is given; answers false then. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', done);
      resolve(true);
    }, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
