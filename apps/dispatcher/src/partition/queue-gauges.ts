import { queueDepths, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Metrics } from '@fluxforge/telemetry';

interface Group {
  readonly placed: readonly number[];
  runner(
    partition: number,
  ): { readonly host: { readonly leading: boolean; readonly view: TasksState } } | undefined;
}

/** Depths by partition: cheaper to read at a scrape than to keep. */
export function watchQueues(group: Group, metrics: Metrics): void {
  metrics.onScrape(() => {
    for (const partition of group.placed) {
      const host = group.runner(partition)?.host;
      const depths = host?.leading ? queueDepths(host.view) : [];
      const sum = (of: 'queued' | 'leased'): number => depths.reduce((total, depth) => total + depth[of], 0);
      metrics.set('fluxforge_queue_depth', { partition }, sum('queued'));
      metrics.set('fluxforge_leases_live', { partition }, sum('leased'));
    }
  });
}
