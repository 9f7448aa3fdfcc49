import { readFileSync } from 'node:fs';

export interface Clock {
  /** Never goes back, counts suspended time, means nothing on another machine. For leases. */
  monotonicMs(): number;
  /** For people, and for `not_after`. */
  wallMs(): number;
}

/**
 * CLOCK_BOOTTIME through /proc/uptime: Node's own monotonic clock stands still while a laptop or a
 * virtual machine sleeps, and a lease must not. Resolution 10 ms. Elsewhere: Node's clock.
 */
export class MachineClock implements Clock {
  private readonly hasUptime = uptimeMs() !== undefined;

  monotonicMs(): number {
    return (this.hasUptime ? uptimeMs() : undefined) ?? Number(process.hrtime.bigint() / 1_000_000n);
  }

  wallMs(): number {
    return Date.now();
  }
}

function uptimeMs(): number | undefined {
  try {
    const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
    return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
  } catch {
    return undefined;
  }
}
