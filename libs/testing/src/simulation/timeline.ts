import { type Prng } from './prng.js';

interface Due {
  readonly atMs: number;
  readonly tie: number;
  readonly seq: number;
  readonly what: string;
  readonly run: () => void;
}

const maxTold = 400;

/**
 * Virtual time: what is due, in the order of (time, random tie, sequence). Nothing else in the world makes
 * anything happen, so the same seed is the same history; `trace` is a running hash of it.
 */
export class Timeline {
  nowMs: number;
  steps = 0;
  trace = 0x811c9dc5;
  /** What was worth telling of late, for the report of a violation. */
  private readonly told: { readonly atMs: number; readonly tell: () => string }[] = [];
  private readonly heap: Due[] = [];
  private seq = 0;

  constructor(
    private readonly ties: Prng,
    readonly startMs: number,
  ) {
    this.nowMs = startMs;
  }

  after(ms: number, what: string, run: () => void): void {
    this.seq += 1;
    const due = { atMs: this.nowMs + Math.max(0, ms), tie: this.ties.next(), seq: this.seq, what, run };
    this.heap.push(due);
    this.rise(this.heap.length - 1);
  }

  /** Runs what is due next; false when nothing is. */
  step(): boolean {
    const next = this.heap[0];
    if (!next) return false;
    const last = this.heap.pop() as Due;
    if (last !== next) {
      this.heap[0] = last;
      this.sink();
    }
    this.nowMs = next.atMs;
    this.steps += 1;
    this.mark(next.what);
    next.run();
    return true;
  }

  /** Takes something that happened into the trace. */
  mark(text: string): void {
    let hash = this.trace ^ (this.nowMs & 0xffff);
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.trace = hash;
  }

  /** Told only when something is broken: nothing is put in words before. */
  note(tell: () => string): void {
    if (this.told.length >= 2 * maxTold) this.told.splice(0, maxTold);
    this.told.push({ atMs: this.nowMs, tell });
  }

  story(): string[] {
    return this.told.slice(-maxTold).map(({ atMs, tell }) => `${atMs - this.startMs} ${tell()}`);
  }

  private rise(from: number): void {
    const { heap } = this;
    let at = from;
    const due = heap[at] as Due;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Due;
      if (!before(due, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = due;
  }

  private sink(): void {
    const { heap } = this;
    const due = heap[0] as Due;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Due, heap[child] as Due)) child += 1;
      if (!before(heap[child] as Due, due)) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = due;
  }
}

function before(a: Due, b: Due): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie !== b.tie ? a.tie < b.tie : a.seq < b.seq;
}
