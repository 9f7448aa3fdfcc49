import { monitorEventLoopDelay } from 'node:perf_hooks';

const nsPerSecond = 1e9;
const resolutionMs = 10;

/** Where the delays are told. */
interface DelayGauge {
  onScrape(collect: () => void): void;
  set(name: 'fluxforge_event_loop_delay_seconds', labels: { quantile: string }, value: number): void;
}

/** Delay of the event loop between two scrapes: what a push or a commit waited for the thread. */
export function watchEventLoop(metrics: DelayGauge): () => void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  metrics.onScrape(() => {
    for (const quantile of [50, 99, 100]) {
      // The sampling interval itself is part of what is measured, and is taken off.
      const seconds = Math.max(0, histogram.percentile(quantile) / nsPerSecond - resolutionMs / 1000);
      metrics.set('fluxforge_event_loop_delay_seconds', { quantile: `p${quantile}` }, seconds);
    }
    histogram.reset();
  });
  return () => histogram.disable();
}
