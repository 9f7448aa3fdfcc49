import { modes, type Fact, type Mode } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

const refusedBy: Partial<Record<string, Mode>> = {
  mode_degraded: 'degraded',
  mode_read_only: 'read-only',
  mode_draining: 'draining',
};

/** The modes of one partition: nothing is let in or leased against the strictest of those that hold. */
export class ModeModel {
  private readonly ofTenants = new Map<string, Mode>();
  /** Degraded for their own queues. */
  private readonly overloaded = new Set<string>();
  private readonly ofCluster = { operator: 'normal' as Mode, overload: 'normal' as Mode };

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    const mode = this.modeOf(fact.tenantId);
    switch (fact.type) {
      case 'tenant.mode-set':
        this.ofTenants.set(fact.tenantId, fact.data.mode);
        if (fact.data.mode === 'draining') this.counters.add('drained');
        return;
      case 'tenant.overload-set':
        if (fact.data.mode === 'normal') this.overloaded.delete(fact.tenantId);
        else this.overloaded.add(fact.tenantId);
        return;
      case 'cluster.mode-set':
        insist(
          fact.data.mode !== this.ofCluster[fact.data.by],
          'modes',
          () => `${fact.data.by} sets ${fact.data.mode}, which it was`,
        );
        this.ofCluster[fact.data.by] = fact.data.mode;
        if (fact.data.mode === 'draining') this.counters.add('drained');
        return;
      case 'task.queued': {
        const { kind, spec, task_id: id } = fact.data;
        if (kind === 'reconciliation') {
          if (this.isOverloaded(fact.tenantId)) this.counters.add('remediation under overload');
          return;
        }
        if (spec.priority > 2 && this.overloaded.size > 0) this.counters.add('neighbour let in');
        const letsIn = mode === 'normal' || (mode === 'degraded' && spec.priority <= 2);
        return insist(letsIn, 'modes', () => `${fact.tenantId}/${id} is let in while ${mode}`);
      }
      case 'task.rejected': {
        const expected = refusedBy[fact.data.reason];
        if (!expected) return;
        this.counters.add('mode refusal');
        if (this.isNormal && this.tenantMode(fact.tenantId) === 'normal')
          this.counters.add('overload refusal');
        const fits = expected === mode && fact.data.kind !== 'reconciliation';
        return insist(fits, 'modes', () => `${fact.data.task_id} refused by ${expected} while ${mode}`);
      }
      case 'task.leased':
        return insist(mode !== 'draining', 'modes', () => `${fact.data.task_id} leased while draining`);
      default:
        return;
    }
  }

  get isNormal(): boolean {
    return this.ofCluster.operator === 'normal';
  }

  tenantMode(tenantId: string): Mode {
    return this.ofTenants.get(tenantId) ?? 'normal';
  }

  private isOverloaded(tenantId: string): boolean {
    return this.overloaded.has(tenantId) || this.ofCluster.overload !== 'normal';
  }

  private modeOf(tenantId: string): Mode {
    const overload = this.isOverloaded(tenantId) ? 'degraded' : 'normal';
    const all: Mode[] = [this.tenantMode(tenantId), this.ofCluster.operator, overload];
    return all.reduce((a, b) => (modes.values.indexOf(a) >= modes.values.indexOf(b) ? a : b));
  }
}
