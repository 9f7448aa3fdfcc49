import { type PressureMessage } from '@fluxforge/domain/modes';
import { PressureGauge } from './pressure.js';

const deadlineMs = 10_000;

async function next(told: PressureMessage[], from: number): Promise<PressureMessage> {
  const untilMs = performance.now() + deadlineMs;
  while (told.length <= from && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return told[from]!;
}

describe('the pressure of a dispatcher', () => {
  it('tells of the slowest commit once, and of a thread that was held up', async () => {
    const told: PressureMessage[] = [];
    const gauge = new PressureGauge((message) => told.push(message(3)));
    gauge.start();
    gauge.committed(3, 40);
    gauge.committed(3, 700);
    gauge.committed(4, 9_000);
    expect(await next(told, 0)).toMatchObject({ kind: 'pressure', commitLatencyMs: 700 });
    // Held up again and again, as by more work than the thread can do.
    while (told.length < 3) {
      const untilMs = performance.now() + 250;
      while (performance.now() < untilMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const second = await next(told, 2);
    expect(second.commitLatencyMs).toBe(0);
    expect(second.eventLoopDelayMs).toBeGreaterThan(200);
    gauge.stop();
  });
});
