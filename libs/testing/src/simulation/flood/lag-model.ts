import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { type FloodScenario } from '../flood-scenario.js';
import { insist } from '../violation.js';

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

export interface LagLook {
  readonly server: number;
  readonly tenantId: string;
  readonly pulse: PartitionPulse;
  /** Of the backlog, that the tenant may have for what it asks. */
  readonly shares: number;
}

/** Whose the backlog of one context is, by what each server was answered, without the backlogs that it judges. */
export class LagModel {
  private readonly ledgers: readonly Ledger[];

  constructor(
    private readonly scenario: FloodScenario,
    private readonly tenants: readonly string[],
  ) {
    this.ledgers = Array.from({ length: scenario.servers }, () => ({ written: [], end: 0, coveredTo: 0 }));
  }

  wrote(server: number, tenantId: string, offset: number): void {
    const ledger = this.ledgers[server] as Ledger;
    ledger.written.push({ tenantId, offset });
    ledger.end = Math.max(ledger.end, offset + 1);
  }

  /**
   * Beyond the limit a tenant is let in below its shares of the backlog, and held only from there on. Answers up to
   * where the server sees the log while the lag is below the limit for it, else null.
   */
  look({ server, tenantId, pulse, shares }: LagLook, isHeld: boolean): number | null {
    const { maxLagRecords: limit, servers } = this.scenario;
    const ledger = this.ledgers[server] as Ledger;
    ledger.coveredTo = Math.max(ledger.coveredTo, pulse.covered);
    const lag = Math.max(pulse.lag, ledger.end - pulse.covered);
    const waiting = this.waiting(ledger);
    const own = waiting.filter((one) => one.tenantId === tenantId).length;
    if (isHeld) {
      const least = shares * Math.max(1, Math.floor(limit / this.tenants.length / servers));
      const what = () => `${tenantId} is held for the lag with ${own} commands, and may have ${least}`;
      insist(lag >= limit && own >= least, 'flood: whose lag', what);
      return null;
    }
    if (lag < limit) return Math.max(pulse.covered + pulse.lag, ledger.end);
    const present = Math.max(1, new Set(waiting.map((one) => one.tenantId)).size);
    const most = shares * Math.max(1, Math.floor(limit / present / servers));
    const what = () => `${tenantId} is let in with ${own} of ${most} commands, and the lag is ${lag}`;
    insist(own < most, 'flood: whose lag', what);
    return null;
  }

  /** A server counts from the oldest of its writes that is not decided, and the latest of twice the limit. */
  private waiting({ written, coveredTo }: Ledger): readonly Written[] {
    const kept = written.slice(-2 * this.scenario.maxLagRecords);
    const first = kept.findIndex(({ offset }) => offset >= coveredTo);
    return first < 0 ? [] : kept.slice(first);
  }
}
