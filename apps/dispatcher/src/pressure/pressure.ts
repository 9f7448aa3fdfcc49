import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type PressureMessage } from '@fluxforge/domain/modes';

const everyMs = 1_000;
const resolutionMs = 10;
const nsPerMs = 1e6;

/**
 * What the rules cannot see by themselves: how late this thread is, and how long appends take. Told once a
 * second to each partition that is led here, with the slowest commit that the partition had since.
 */
export class PressureGauge {
  private readonly delay = monitorEventLoopDelay({ resolution: resolutionMs });
  private readonly slowestMs = new Map<number, number>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly say: (message: (partition: number) => PressureMessage) => void) {}

  start(): void {
    this.delay.enable();
    this.timer = setInterval(() => this.tell(), everyMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.delay.disable();
  }

  committed(partition: number, latencyMs: number): void {
    this.slowestMs.set(partition, Math.max(latencyMs, this.slowestMs.get(partition) ?? 0));
  }

  private tell(): void {
    // The sampling interval itself is part of what is measured, and is taken off. A single stop (a large
    // collection of garbage) stays above the percentile; work without a pause does not.
    const eventLoopDelayMs = Math.max(0, this.delay.percentile(99) / nsPerMs - resolutionMs);
    this.delay.reset();
    this.say((partition) => {
      return { kind: 'pressure', eventLoopDelayMs, commitLatencyMs: this.slowestMs.get(partition) ?? 0 };
    });
    this.slowestMs.clear();
  }
}
