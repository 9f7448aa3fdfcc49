import { cpus, freemem, loadavg, totalmem } from 'node:os';

export interface MachineLoad {
  cpuUsed: number;
  load1: number;
  cpus: number;
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
}

interface CpuTime {
  processors: number;
  busyMs: number;
  totalMs: number;
}

/** Share of the processors in use between two readings. */
export class LoadMeter {
  private previous = cpuTime();

  read(): MachineLoad {
    const now = cpuTime();
    const totalMs = now.totalMs - this.previous.totalMs;
    const busyMs = now.busyMs - this.previous.busyMs;
    this.previous = now;
    return {
      cpuUsed: totalMs > 0 ? Math.min(1, Math.max(0, busyMs / totalMs)) : 0,
      load1: loadavg()[0] ?? 0,
      cpus: now.processors,
      memoryTotalBytes: totalmem(),
      memoryAvailableBytes: freemem(),
    };
  }
}

/** What the machine has in all, as tasks ask for it: 1,000 CPU millis are one processor. */
export function machineSize(): { cpuMillis: number; memoryBytes: number } {
  return { cpuMillis: cpus().length * 1000, memoryBytes: totalmem() };
}

function cpuTime(): CpuTime {
  const processors = cpus();
  const sum: CpuTime = { processors: processors.length, busyMs: 0, totalMs: 0 };
  for (const { times } of processors) {
    const busyMs = times.user + times.nice + times.sys + times.irq;
    sum.busyMs += busyMs;
    sum.totalMs += busyMs + times.idle;
  }
  return sum;
}
