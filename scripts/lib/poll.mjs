import { performance } from 'node:perf_hooks';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again until `probe` answers something truthy; past the deadline it throws with `what`. */
export async function poll(probe, { deadlineMs, stepMs = 50, what }) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() >= end) {
      throw new Error(
        `${typeof what === 'function' ? what() : what} (waited ${Math.round(deadlineMs / 1000)} s)`,
      );
    }
    await sleep(stepMs);
  }
}

/** Resolves to the promise's value, or to `fallback` when the time is up first. */
export async function within(promise, ms, fallback) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, fallback);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
