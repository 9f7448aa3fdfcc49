import {
  lookedAtInStep,
  oldestReadyIn,
  queueDepths,
  type QueueDepth,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { type HotQueue } from '@fluxforge/events/hot-queue';
import { queueView } from '../questions/queue-view.js';

/** Tasks that are looked at in one pass, for the oldest wait; the rest is for later passes. */
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
 * longest. Depths are exact each time; the oldest wait may need a look at each task, so of a very long queue it is told
 * as it was found last, until a look that goes over several passes has come to its end.
 */
export class Picture {
  private readonly drawn = new Map<string, Drawn>();
  /** By tenant, its last look for the oldest wait, and what the one before found. */
  private readonly looks = new Map<string, Generator<void, number | null>>();
  private readonly oldest = new Map<string, number | null>();
  private tasksLeft = tasksPerPass;
  private from = 0;

  constructor(private readonly options: PictureOptions) {}

  draw(state: TasksState, nowMs: number): [tenantId: string, view: HotQueue][] {
    this.tasksLeft = tasksPerPass;
    const depths = queueDepths(state);
    const drawn: [string, HotQueue][] = [];
    // Begun with another one each time: looks that take long must not be always the same tenants'.
    let next = this.from + 1;
    for (let n = 0; n < depths.length && drawn.length < this.options.maxTenants; n++) {
      const depth = depths[(this.from + n) % depths.length]!;
      if (!this.isDue(depth, nowMs)) continue;
      drawn.push([depth.tenantId, this.one(state, depth, nowMs)]);
      if (drawn.length === this.options.maxTenants) next = this.from + n + 1;
    }
    this.from = next % Math.max(1, depths.length);
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
    const view = queueView(depth, this.oldestOf(state, depth, nowMs), nowMs);
    this.drawn.set(depth.tenantId, { signature: signatureOf(depth), drawnAtMs: nowMs, view });
    return view;
  }

  /** Null: none is ready, or it is not found yet. */
  private oldestOf(
    state: TasksState,
    { tenantId, ready, ...depth }: QueueDepth,
    nowMs: number,
  ): number | null {
    const look = this.looks.get(tenantId) ?? oldestReadyIn(state, tenantId, nowMs);
    this.looks.set(tenantId, look);
    const perStep = Math.min(lookedAtInStep, depth.queued + depth.leased);
    for (; this.tasksLeft > 0; this.tasksLeft -= perStep) {
      const { done, value } = look.next();
      if (!done) continue;
      this.looks.delete(tenantId);
      this.oldest.set(tenantId, value);
      break;
    }
    return ready === 0 ? null : (this.oldest.get(tenantId) ?? null);
  }
}

/** A change that leaves all three as they were shows when the tenant is drawn again. */
function signatureOf({ queued, ready, leased }: QueueDepth): string {
  return `${queued}/${ready}/${leased}`;
}
