import { type QueueView } from '@fluxforge/domain/tasks-context';
import { type HotQueue } from '@fluxforge/events/hot-queue';

/** As users see it. */
export function queueView(queue: QueueView, nowMs: number): HotQueue {
  const since = queue.oldestReadySinceMs;
  return {
    queued: queue.queued,
    ready: queue.ready,
    running: queue.leased,
    by_priority: [...queue.byPriority],
    oldest_wait_ms: since === null ? 0 : Math.max(0, Math.round(nowMs - since)),
    as_of: new Date(nowMs).toISOString(),
  };
}
