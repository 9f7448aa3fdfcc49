import { type QueueDepth, type QueueView } from '@fluxforge/domain/tasks-context';
import { type HotDepth, type HotQueue } from '@fluxforge/events/hot-queue';

/** As users see it. */
export function queueView(queue: QueueView, nowMs: number): HotQueue {
  const since = queue.oldestReadySinceMs;
  return {
    ...depthView(queue),
    by_priority: [...queue.byPriority],
    oldest_wait_ms: since === null ? 0 : Math.max(0, Math.round(nowMs - since)),
    as_of: new Date(nowMs).toISOString(),
  };
}

export function depthView({ queued, queuedBytes, ready, leased }: QueueDepth): HotDepth {
  return { queued, ready, running: leased, queued_bytes: queuedBytes };
}
