import { type QueueDepth } from '@fluxforge/domain/tasks-context';
import { type HotDepth, type HotQueue } from '@fluxforge/events/hot-queue';

/** As users see it. Null: none is ready, or it is not known yet. */
export function queueView(depth: QueueDepth, oldestReadySinceMs: number | null, nowMs: number): HotQueue {
  const waitMs = oldestReadySinceMs === null ? 0 : nowMs - oldestReadySinceMs;
  return {
    ...depthView(depth),
    by_priority: [...depth.byPriority],
    oldest_wait_ms: Math.max(0, Math.round(waitMs)),
    as_of: new Date(nowMs).toISOString(),
  };
}

export function depthView({ queued, queuedBytes, ready, leased }: QueueDepth): HotDepth {
  return { queued, ready, running: leased, queued_bytes: queuedBytes };
}
