import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { type Counters } from '../counters.js';
import { type FloodScenario } from '../flood-scenario.js';
import { type Timeline } from '../timeline.js';
import { insist } from '../violation.js';
import { type Rate } from './shared-cache.js';

export type Shed = 'partition_lag' | 'max_queued_tasks' | 'submissions_per_s';

interface Written {
  readonly tenantId: string;
  readonly offset: number;
}

/** One server's writes, in the order in which they were answered, and the furthest that it was told of. */
interface Ledger {
  readonly written: Written[];
  end: number;
  coveredTo: number;
}

const reasons: Record<Shed, 'shed by lag' | 'shed by depth' | 'shed by rate'> = {
  partition_lag: 'shed by lag',
  max_queued_tasks: 'shed by depth',
  submissions_per_s: 'shed by rate',
};

/**
 * What API servers promise while all tenants but one flood, counted anew: from what was answered and by whom, without
 * the backlog and the buckets that it judges.
 */
export class FloodModel {
  private readonly ledgers: readonly Ledger[];
  private readonly ownTakes = new Map<string, number[]>();
  /** Of the flood, let in by servers that knew how far the owner was, and not known to be decided. */
  private undecided: number[] = [];
  private decidedBelow = 0;
  private end = 0;
  private onTheirWay = 0;
  /** The most that had come in at a time when a server still thought the lag below the limit, and that it did not see. */
  private unseenMost = 0;

  constructor(
    private readonly scenario: FloodScenario,
    private readonly tenants: readonly string[],
    private readonly timeline: Timeline,
    private readonly counters: Counters,
  ) {
    this.ledgers = Array.from({ length: scenario.servers }, () => ({ written: [], end: 0, coveredTo: 0 }));
  }

  began(): void {
    this.onTheirWay += 1;
  }

  over(): void {
    this.onTheirWay -= 1;
  }

  landed(offset: number): void {
    this.end = Math.max(this.end, offset + 1);
  }

  decided(below: number): void {
    this.decidedBelow = Math.max(this.decidedBelow, below);
  }

  shed(tenantId: string, reason: Shed): void {
    const { quietTenant } = this.scenario;
    if (tenantId !== quietTenant) return this.counters.add(reasons[reason]);
    // By its own backlog it may be, which is looked at where that is known.
    insist(reason === 'partition_lag', 'flood: the quiet one', () => `${tenantId} is shed by ${reason}`);
  }

  /** Beyond the limit a tenant is let in below its share of the backlog, and held only from there on. */
  heldToLag(server: number, tenantId: string, pulse: PartitionPulse, isHeld: boolean): void {
    const { maxLagRecords: limit, servers } = this.scenario;
    const ledger = this.ledgers[server] as Ledger;
    ledger.coveredTo = Math.max(ledger.coveredTo, pulse.covered);
    this.decided(pulse.covered);
    const lag = Math.max(pulse.lag, ledger.end - pulse.covered);
    const waiting = this.waiting(ledger);
    const own = waiting.filter((one) => one.tenantId === tenantId).length;
    if (isHeld) {
      const least = Math.max(1, Math.floor(limit / this.tenants.length / servers));
      const what = () => `${tenantId} is held for the lag with ${own} commands, and may have ${least}`;
      return insist(lag >= limit && own >= least, 'flood: whose lag', what);
    }
    if (lag < limit) {
      const seen = Math.max(pulse.covered + pulse.lag, ledger.end);
      this.unseenMost = Math.max(this.unseenMost, this.end - seen + this.onTheirWay);
      return;
    }
    const present = Math.max(1, new Set(waiting.map((one) => one.tenantId)).size);
    const most = Math.max(1, Math.floor(limit / present / servers));
    const what = () => `${tenantId} is let in with ${own} of ${most} commands, and the lag is ${lag}`;
    insist(own < most, 'flood: whose lag', what);
  }

  /** With the cache lost, all servers together let in no more than the limit, and one for each at most. */
  tookOwn(tenantId: string, rate: Rate): void {
    const { nowMs } = this.timeline;
    const takes = this.ownTakes.get(tenantId) ?? [];
    takes.push(nowMs);
    this.ownTakes.set(tenantId, takes);
    for (const [i, fromMs] of takes.entries()) {
      const count = takes.length - i;
      const most = rate.burst + (rate.perSecond * (nowMs - fromMs)) / 1_000 + this.scenario.servers;
      insist(
        count <= most,
        'flood: rate without a cache',
        () => `${tenantId}: ${count} in ${nowMs - fromMs} ms`,
      );
    }
  }

  wrote(server: number, tenantId: string, offset: number, wasBlind: boolean): void {
    const ledger = this.ledgers[server] as Ledger;
    ledger.written.push({ tenantId, offset });
    ledger.end = Math.max(ledger.end, offset + 1);
    if (tenantId === this.scenario.quietTenant) return this.insistOnFront(offset);
    this.counters.add('flooded');
    if (!wasBlind) this.undecided.push(offset);
  }

  /**
   * What is in front of a command of the quiet tenant: the limit, what a server could not see yet when it thought the
   * lag below it, and then what the tenants may have beyond it. Each has its share, which was larger while fewer had
   * commands waiting, and what it had on the way.
   */
  private insistOnFront(offset: number): void {
    const { maxLagRecords: limit, servers, lanes } = this.scenario;
    this.undecided = this.undecided.filter((one) => one >= this.decidedBelow);
    const front = this.undecided.filter((one) => one < offset).length;
    let beyond = this.tenants.length * (servers + lanes);
    for (let n = 1; n <= this.tenants.length; n++) beyond += limit / n;
    const most = limit + this.unseenMost + beyond;
    const what = () => `${front} commands are in front of ${offset}, and ${most} may be`;
    insist(front <= most, 'flood: admitted backlog', what);
  }

  /** A server counts from the oldest of its writes that is not decided, and the latest of twice the limit. */
  private waiting({ written, coveredTo }: Ledger): readonly Written[] {
    const kept = written.slice(-2 * this.scenario.maxLagRecords);
    const first = kept.findIndex(({ offset }) => offset >= coveredTo);
    return first < 0 ? [] : kept.slice(first);
  }
}
