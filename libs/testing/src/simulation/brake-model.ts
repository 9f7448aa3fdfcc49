import { type BrakePolicy } from '@fluxforge/domain/brake';
import { type Fact } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

interface Fleet {
  readonly found: Set<string>;
  /** When each of those that are silent now fell silent. */
  readonly silent: Map<string, number>;
  untilMs: number | null;
  releasedAtMs: number;
  /** Tasks whose last lease ran out unheard. */
  readonly orphans: Set<string>;
}

/** The brakes of one partition: on when most agents of a tenant are silent, and then nothing is run again unheard. */
export class BrakeModel {
  private readonly fleets = new Map<string, Fleet>();

  constructor(
    private readonly policy: BrakePolicy,
    private readonly counters: Counters,
  ) {}

  fold(fact: Fact): void {
    const fleet = this.fleet(fact.tenantId);
    switch (fact.type) {
      case 'agent.found':
        fleet.silent.delete(fact.data.agent_id);
        fleet.found.add(fact.data.agent_id);
        return;
      case 'agent.lost':
        fleet.found.delete(fact.data.agent_id);
        fleet.silent.set(fact.data.agent_id, fact.timeMs);
        return;
      case 'agent.removed':
        fleet.found.delete(fact.data.agent_id);
        fleet.silent.delete(fact.data.agent_id);
        return;
      case 'tenant.brake-set':
        return this.set(fleet, fact);
      case 'task.attempt-ended': {
        const { outcome, duration_ms, task_id } = fact.data;
        if (outcome === 'lease_expired' && duration_ms === undefined) fleet.orphans.add(task_id);
        return;
      }
      case 'task.leased':
        return this.leased(fleet, fact);
      case 'task.ended':
        fleet.orphans.delete(fact.data.task_id);
        return;
      default:
        return;
    }
  }

  private set(fleet: Fleet, { data, timeMs, tenantId }: Fact & { type: 'tenant.brake-set' }): void {
    if (data.braked) {
      const lost = this.isDue(fleet, timeMs);
      insist(lost !== null && fleet.untilMs === null, 'brake', () => `${tenantId} was braked for nothing`);
      insist(lost === data.lost_agents, 'brake', () => `${tenantId}: ${data.lost_agents} lost, not ${lost}`);
      insist(data.until_ms === timeMs + this.policy.holdMs, 'brake', () => `until ${data.until_ms}`);
      fleet.untilMs = data.until_ms;
      this.counters.add('brake');
      if (fleet.orphans.size > 0) this.counters.add('held by the brake');
      return;
    }
    const { untilMs } = fleet;
    insist(untilMs !== null, 'brake', () => `${tenantId} was not braked`);
    insist(data.reason === 'operator' || timeMs >= untilMs, 'brake', () => `let go before ${untilMs}`);
    fleet.untilMs = null;
    fleet.releasedAtMs = timeMs;
    this.counters.add('brake released');
  }

  private leased(fleet: Fleet, { data, timeMs, tenantId }: Fact & { type: 'task.leased' }): void {
    const what = `${tenantId}/${data.task_id} attempt ${data.attempt}`;
    const isOrphan = fleet.orphans.delete(data.task_id);
    insist(!isOrphan || fleet.untilMs === null, 'brake', () => `${what} while most are silent`);
    const isLate = fleet.untilMs === null && this.isDue(fleet, timeMs) !== null;
    insist(!isLate, 'brake', () => `${what}: the brake should be on`);
  }

  /** How many were lost, when they are most and enough. */
  private isDue({ found, silent, releasedAtMs }: Fleet, nowMs: number): number | null {
    const fromMs = nowMs - this.policy.windowMs;
    const lost = [...silent.values()].filter((atMs) => atMs >= fromMs && atMs > releasedAtMs).length;
    const isShare = 100 * lost > this.policy.sharePercent * (lost + found.size);
    return lost >= this.policy.minAgents && isShare ? lost : null;
  }

  private fleet(tenantId: string): Fleet {
    let fleet = this.fleets.get(tenantId);
    if (!fleet) {
      fleet = { found: new Set(), silent: new Map(), untilMs: null, releasedAtMs: 0, orphans: new Set() };
      this.fleets.set(tenantId, fleet);
    }
    return fleet;
  }
}
