/** Asks until the answer is not null; fails at the deadline, saying what was waited for. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null> | T | null,
  deadlineMs = 60_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
