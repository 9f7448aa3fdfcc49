import { Partition, type Run } from './partition.js';

/**
 * A tenant's queue in which hardly any task is like another, while an agent with room suits none of it: a scheduler
 * that looks at each of them again pays for it with each lease.
 */
export interface Crowd {
  readonly name: string;
  /** What the `n`th task's spec says beside the zone. */
  readonly asks: (n: number) => object;
}

const gib = 2 ** 30;
const inZone = { key: 'zone', op: 'in', values: ['busy'] };
const notOn = (n: number) => ({ key: 'host', op: 'not-in', values: [`host-${n}`] });

export const crowds: readonly Crowd[] = [
  { name: 'all alike', asks: () => ({}) },
  {
    name: 'a concurrency key each',
    asks: (n) => ({ concurrency: { key: `customer-${n}`, max: 1, strategy: 'queue' } }),
  },
  {
    name: 'a key each, in turns',
    asks: (n) => ({ concurrency: { key: `customer-${n}`, max: 1, strategy: 'round-robin' } }),
  },
  { name: 'a selector each', asks: (n) => ({ selector: [inZone, notOn(n)] }) },
  { name: 'a request each', asks: (n) => ({ requests: { memory_bytes: gib + n } }) },
  { name: 'one in ten large', asks: (n) => (n % 10 === 0 ? { requests: { slots: 4 } } : {}) },
];

const busyAgents = 100;
const tenant = 'ten_0';

export interface CrowdCost {
  readonly crowd: string;
  readonly tasks: number;
  /** Of one lease and the end that made room for it, with the folds of both. */
  readonly usPerLease: number;
  /** The longest time that one plan took. */
  readonly longestPlanMs: number;
}

export function costOf({ name, asks }: Crowd, tasks: number, leases: number): CrowdCost {
  const partition = new Partition();
  partition.addTenant(tenant);
  for (let a = 0; a < busyAgents; a++) {
    partition.addAgent(tenant, { id: `agt_${a}`, labels: { zone: 'busy' }, memoryBytes: 8 * gib });
  }
  partition.addAgent(tenant, { id: 'agt_idle', labels: { zone: 'idle' }, memoryBytes: 8 * gib });
  for (let n = 0; n < tasks; n++) partition.queue(tenant, n, { selector: [inZone], ...asks(n) });
  const running: Run[] = [];
  let longestPlanMs = 0;
  const settle = (): number => {
    for (let made = 0; ; made++) {
      const fromMs = performance.now();
      const run = partition.decideOne();
      longestPlanMs = Math.max(longestPlanMs, performance.now() - fromMs);
      if (!run) return made;
      running.push(run);
    }
  };
  settle();
  longestPlanMs = 0;
  const from = process.cpuUsage();
  let made = 0;
  for (let n = 0; made < leases && running.length > 0; n++) {
    const [run] = running.splice((n * 7_919) % running.length, 1);
    if (run) partition.end(run);
    made += settle();
  }
  const { user, system } = process.cpuUsage(from);
  return { crowd: name, tasks, usPerLease: (user + system) / Math.max(1, made), longestPlanMs };
}
