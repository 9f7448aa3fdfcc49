/** Asks again and again until there is an answer; past the deadline it fails with what was waited for. */
export async function eventually<T>(
  what: string | (() => string),
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  deadlineMs = 60_000,
  stepMs = 50,
): Promise<T> {
  const startedMs = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error: unknown) {
      // What cannot be asked now may be asked later: processes are killed and started all the time.
      last = error;
    }
    if (performance.now() - startedMs > deadlineMs) {
      const text = typeof what === 'string' ? what : what();
      throw new Error(`within ${deadlineMs} ms it did not come true: ${text}`, { cause: last });
    }
    await delay(stepMs);
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
