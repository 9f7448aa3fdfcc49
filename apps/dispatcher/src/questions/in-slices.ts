import { type Slices } from '@fluxforge/events/owner-questions';

/** How long the partition's own work waits at most, what is one step aside. */
const sliceMs = 5;

export interface SliceTools {
  readonly nowMs: () => number;
  readonly slices: Slices;
}

/** Goes through the steps in slices, between which the partition goes on. Answers what they come to. */
export async function inSlices<T>(steps: Generator<void, T>, { nowMs, slices }: SliceTools): Promise<T> {
  for (;;) {
    const end = await slices.slice(() => {
      const untilMs = nowMs() + sliceMs;
      while (nowMs() < untilMs) {
        const step = steps.next();
        if (step.done) return step;
      }
      return null;
    });
    if (end) return end.value;
  }
}
