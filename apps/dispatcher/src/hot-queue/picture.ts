import { queueDepths, queueOf, type QueueDepth, type TasksState } from '@fluxforge/domain/tasks-context';
import { type HotQueue } from '@fluxforge/events/hot-queue';
import { depthView, queueView } from '../questions/queue-view.js';

/** Tasks that are looked at in one pass, for counts by priority and the oldest wait; the rest is owed by later passes. */
const tasksPerPass = 20_000;

interface Drawn {
  readonly signature: string;
  readonly drawnAtMs: number;
  readonly view: HotQueue;
}

export interface PictureOptions {
  /** Tenants in one pass. */
  readonly maxTenants: number;
  /** A tenant with tasks is drawn again after so long although nothing changed: the mirror forgets. */
  readonly againAfterMs: number;
}

/**
 * Draws the queues that have changed since they were drawn last, a bounded number at a time, those first that waited
 * longest. Depths are exact each time; counts by priority need a look at each task, so of a very long queue they are
 * drawn less often.
 */
export class Picture {
  private readonly drawn = new Map<string, Drawn>();
  private budget = tasksPerPass;
  private from = 0;

  constructor(private readonly options: PictureOptions) {}

  draw(state: TasksState, nowMs: number): [tenantId: string, view: HotQueue][] {
    this.budget = Math.min(tasksPerPass, this.budget + tasksPerPass);
    const depths = queueDepths(state);
    const drawn: [string, HotQueue][] = [];
    for (let n = 0; n < depths.length && drawn.length < this.options.maxTenants; n++) {
      const depth = depths[(this.from + n) % depths.length]!;
      if (!this.isDue(depth, nowMs)) continue;
      drawn.push([depth.tenantId, this.one(state, depth, nowMs)]);
      if (drawn.length === this.options.maxTenants) this.from = (this.from + n + 1) % depths.length;
    }
    return drawn;
  }

  /** Whoever was to see them may not have: all are drawn again. */
  forget(): void {
    for (const [tenantId, { view }] of this.drawn) {
      this.drawn.set(tenantId, { signature: '', drawnAtMs: -Infinity, view });
    }
  }

  private isDue(depth: QueueDepth, nowMs: number): boolean {
    const last = this.drawn.get(depth.tenantId);
    const isBusy = depth.queued + depth.leased > 0;
    if (!last) return isBusy;
    if (last.signature !== signatureOf(depth)) return true;
    return isBusy && nowMs - last.drawnAtMs >= this.options.againAfterMs;
  }

  private one(state: TasksState, depth: QueueDepth, nowMs: number): HotQueue {
    const view = this.counted(state, depth, nowMs) ?? this.carriedOn(depth, nowMs);
    this.drawn.set(depth.tenantId, { signature: signatureOf(depth), drawnAtMs: nowMs, view });
    return view;
  }

  private counted(state: TasksState, depth: QueueDepth, nowMs: number): HotQueue | null {
    if (this.budget <= 0) return null;
    this.budget -= depth.queued + depth.leased;
    const queue = queueOf(state, depth.tenantId, nowMs);
    return queue && queueView(queue, nowMs);
  }

  /** Depths as they are, and for the rest what was counted last. */
  private carriedOn(depth: QueueDepth, nowMs: number): HotQueue {
    const last = this.drawn.get(depth.tenantId)?.view;
    return {
      ...depthView(depth),
      by_priority: last?.by_priority ?? Array.from({ length: 10 }, () => 0),
      oldest_wait_ms: depth.ready === 0 ? 0 : (last?.oldest_wait_ms ?? 0),
      as_of: new Date(nowMs).toISOString(),
    };
  }
}

/** A change that leaves all three as they were shows when the tenant is drawn again. */
function signatureOf({ queued, ready, leased }: QueueDepth): string {
  return `${queued}/${ready}/${leased}`;
}
