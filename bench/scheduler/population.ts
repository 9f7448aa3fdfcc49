import { Partition, type Run } from './partition.js';

export interface Size {
  readonly tenants: number;
  readonly agents: number;
  readonly tasks: number;
}

const zones = ['eu-north', 'eu-west', 'us-east', 'us-west'] as const;
const disks = ['ssd', 'hdd'] as const;

/** A fixed sequence: the same numbers in every run. */
export class Sequence {
  private state = 12_345;

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
}

function selectorOf(kind: number): object[] {
  return [
    { key: 'zone', op: 'in', values: [zones[kind % zones.length]] },
    { key: 'disk', op: 'in', values: [disks[kind % disks.length]] },
  ];
}

/** Tenants that have equally many agents and tasks. */
export class Population {
  private readonly partition = new Partition();
  private running: Run[] = [];
  private readonly draw = new Sequence();

  constructor(private readonly size: Size) {
    for (let t = 0; t < size.tenants; t++) this.partition.addTenant(`ten_${t}`);
    for (let a = 0; a < size.agents; a++) {
      const n = Math.floor(a / size.tenants);
      const labels = {
        zone: zones[n % zones.length] ?? '',
        disk: disks[n % disks.length] ?? '',
        role: 'web',
      };
      this.partition.addAgent(`ten_${a % size.tenants}`, { id: `agt_${a}`, labels });
    }
  }

  /**
   * Half by agent id, half by a selector of two terms, over all tenants, priorities and agents alike. Tasks of one
   * tenant for one agent, or of one selector and priority, say the same, unless each is to be `distinct`.
   */
  queueAll(distinct: boolean): void {
    const { tenants, tasks, agents } = this.size;
    for (let i = 0; i < tasks; i++) {
      const tenant = i % tenants;
      const n = Math.floor(i / tenants);
      const agent = this.draw.below(agents / tenants) * tenants + tenant;
      const isPinned = n % 2 === 0;
      const priority = isPinned ? agent % 10 : this.draw.below(10);
      const kind = this.draw.below(8);
      this.partition.queue(`ten_${tenant}`, i, {
        priority,
        ...(isPinned ? { agent_id: `agt_${agent}` } : { selector: selectorOf(kind) }),
        ...(distinct && { command: `exec /usr/local/bin/report --run ${i}` }),
      });
    }
  }

  /** False when nothing fits anywhere. */
  decideOne(): boolean {
    const run = this.partition.decideOne();
    if (run) this.running.push(run);
    return run !== null;
  }

  /** From now on runs of these tenants alone end, so that all that is decided is theirs; the others keep what they have. */
  narrowTo(tenants: number): void {
    const atWork = new Set(Array.from({ length: tenants }, (_, t) => `ten_${t}`));
    this.running = this.running.filter(({ tenantId }) => atWork.has(tenantId));
  }

  /** One of the runs, any of them, comes to a good end. */
  endOne(): void {
    const at = this.draw.below(this.running.length);
    const run = this.running[at];
    const last = this.running.pop();
    if (!run || !last) return;
    if (last !== run) this.running[at] = last;
    this.partition.end(run);
  }
}
