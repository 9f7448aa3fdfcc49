import { type Metrics } from '@fluxforge/telemetry';

interface Placed {
  readonly placed: readonly number[];
  runner(partition: number): { lag(source: 'commands' | 'foreign'): number } | undefined;
}

/** Shows at each scrape how far the partitions that are placed here lag behind their inputs. */
export function watchLag(
  group: Placed,
  topics: { readonly commands: string; readonly foreign: string },
  metrics: Metrics,
): void {
  metrics.onScrape(() => {
    for (const partition of group.placed) {
      for (const source of ['commands', 'foreign'] as const) {
        const records = group.runner(partition)?.lag(source) ?? 0;
        metrics.set('fluxforge_partition_lag_records', { topic: topics[source], partition }, records);
      }
    }
  });
}
