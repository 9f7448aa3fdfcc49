/** What must have happened at some time over a run of many seeds, or the run proved little. */
export const sometimes = [
  'takeover',
  'stale report',
  'expiry',
  'retry',
  'unknown outcome',
  'void batch',
  'restored compliance',
  'given up',
  'withdrawn',
  'cancelled',
  'duplicate key',
  'key reused',
  'agent lost',
  'poison',
  'interrupted',
  'unknown target',
  'snapshot',
  'cut',
  'planned after a cut',
  'planned beyond the log',
  'twin',
  'group reset',
  'projector crash',
  'blackout',
  'not before',
  'expired',
  'delivery timed out',
  'wait goes on',
  'execution timed out',
  'outlived its time',
  'schedule fired',
  'schedule missed',
  'schedule with jitter',
  'missed for being late',
  'delay bounded',
  'overlap forbidden',
  'overlap replaced',
  'remediation in a window',
  'apply in a window',
  'held by a window',
  'requests placed',
  'room kept for a large task',
  'turn between tenants',
  'turn between keys',
  'queued quota',
  'back above the quota',
  'bytes quota',
  'running quota',
  'agents quota',
  'states quota',
  'rate quota',
  'fan-out charged',
  'schedule charged',
  'output quota',
  'mode refusal',
  'overload entered',
  'overload left',
  'tenant overload entered',
  'tenant overload left',
  'neighbour let in',
  'overload refusal',
  'remediation under overload',
  'key taken',
  'key dropped',
  'superseded',
  'fan-out retried',
  'fan-out cancelled',
  'member cancelled',
  'fan-out stopped',
  'agent stopping',
  'remedy tried',
  'agents above their limit tried',
  'explained in steps',
  'moved while it was explained',
  'alternative tried',
  'brake',
  'brake released',
  'held by the brake',
  'moved',
  'breaker opened',
  'domain breaker opened',
  'probe failed',
  'probe succeeded',
  'breaker reset',
  'flooded',
  'shed by rate',
  'shed by depth',
  'shed by lag',
  'means let in beyond the lag',
  'state write shed',
  'maker shed by rate',
  'cache lost while flooded',
] as const;
export type Sometimes = (typeof sometimes)[number];

export class Counters {
  private readonly counts = new Map<Sometimes, number>();

  add(what: Sometimes, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  get(what: Sometimes): number {
    return this.counts.get(what) ?? 0;
  }

  addAll(other: Counters): void {
    for (const [what, count] of other.counts) this.add(what, count);
  }

  get never(): Sometimes[] {
    return sometimes.filter((what) => this.get(what) === 0);
  }
}
