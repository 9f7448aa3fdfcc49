import { type TaskSpec } from '@fluxforge/events/catalogue';
import { Partition, type Run } from './partition.js';

/**
 * Queues of one tenant in which hardly anything is like anything else, while one of its agents has room that suits none
 * of it: what a scheduler that looks at each of them pays for with each lease.
 */
export interface Crowd {
  readonly name: string;
  /** Of the `n`th task. Names, labels, command and limits are those of all. */
  readonly asks: (n: number) => Partial<TaskSpec>;
}

const gib = 2 ** 30;
const wanted = [{ key: 'zone', op: 'in' as const, values: ['busy'] }];

export const crowds: readonly Crowd[] = [
  { name: 'all the same', asks: () => ({}) },
  {
    name: 'a concurrency key each',
    asks: (n) => ({ concurrency: { key: `customer-${n}`, max: 1, strategy: 'queue' } }),
  },
  {
    name: 'a key each that takes turns',
    asks: (n) => ({ concurrency: { key: `customer-${n}`, max: 1, strategy: 'round-robin' } }),
  },
  { name: 'memory of its own each', asks: (n) => ({ requests: { memory_bytes: gib + n } }) },
  { name: 'a selector each', asks: (n) => ({ selector: [...wanted, { key: 'host', op: 'not-in', values: [`h${n}`] }] }) },
  { name: 'one in ten asks for a whole agent', asks: (n) => (n % 10 === 0 ? { requests: { slots: 4 } } : {}) },
];

const busyAgents = 100;

export interface Cost {
  readonly crowd: string;
  readonly tasks: number;
  /** Of one lease with the end that made room for it, folds included. */
  readonly usPerLease: number;
  readonly queueUsPerTask: number;
}

export function costOf({ name, asks }: Crowd, tasks: number, leases: number): Cost {
  const partition = new Partition();
  partition.tenant('ten_0');
  for (let a = 0; a < busyAgents; a++) partition.agent('ten_0', `agt_${a}`, { zone: 'busy' }, 8 * gib);
  partition.agent('ten_0', 'agt_idle', { zone: 'idle' }, 8 * gib);
  const queued = process.cpuUsage();
  for (let n = 0; n < tasks; n++) partition.queue('ten_0', n, { selector: wanted, ...asks(n) });
  const queueUsPerTask = usedUs(queued) / tasks;
  const running: Run[] = partition.settle();
  let made = 0;
  const from = process.cpuUsage();
  for (let n = 0; made < leases && running.length > 0; n++) {
    const at = (n * 7919) % running.length;
    const [run] = running.splice(at, 1);
    partition.end(run!);
    const next = partition.settle();
    made += next.length;
    running.push(...next);
  }
  return { crowd: name, tasks, usPerLease: usedUs(from) / Math.max(1, made), queueUsPerTask };
}

function usedUs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}
