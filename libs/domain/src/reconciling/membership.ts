import { type EventData, type ReasonCode } from '@fluxforge/events/catalogue';
import { decided, matchesSelector } from '@fluxforge/domain/kernel';
import { type DesiredState, type StatesState, type Tenant } from '@fluxforge/domain/desired-state';
import { withdraw } from './remediation.js';
import { smallEventBytes, type Step } from './step.js';

/** The contract's bound for each of the two lists of one event. */
const maxPerEvent = 500;
const bytesPerId = 140;

/**
 * Which agents a state is for, against which it has. Only states and agents that were marked are compared.
 * A mark stays until a comparison finds nothing: what did not fit in this step, or did not get into the
 * log, is found again.
 */
export function planMembership(state: StatesState, step: Step): void {
  const { work } = state;
  for (const desired of work.reselectStates) {
    if (step.full) return;
    if (desired.deletedAtMs === null && compareAll(desired, step)) continue;
    work.reselectStates.delete(desired);
  }
  // What was found above is not folded yet: a second look would find it again.
  if (!step.empty) return;
  for (const tenant of work.reselectTenants) {
    if (step.full) return;
    if (compareAgents(tenant, step)) continue;
    tenant.reselect.clear();
    work.reselectTenants.delete(tenant);
  }
}

function compareAgents(tenant: Tenant, step: Step): boolean {
  let changed = false;
  for (const desired of tenant.states.values()) {
    if (step.full) return true;
    const change = new Change(desired, step);
    for (const agentId of tenant.reselect) if (!change.compare(agentId)) break;
    changed = change.finish() || changed;
  }
  return changed;
}

function compareAll(desired: DesiredState, step: Step): boolean {
  const change = new Change(desired, step);
  for (const agentId of desired.targets.keys()) {
    if (!change.compare(agentId)) return change.finish();
  }
  for (const agentId of desired.tenant.agents.keys()) {
    if (!desired.targets.has(agentId) && !change.compare(agentId)) break;
  }
  return change.finish();
}

/** Gathers the differences of one state into events, as many as fit. */
class Change {
  private added: string[] = [];
  private removed: EventData<'targets.changed'>['removed'] = [];
  private changed = false;

  constructor(
    private readonly desired: DesiredState,
    private readonly step: Step,
  ) {}

  /** False when nothing more fits; what was not compared keeps its mark. */
  compare(agentId: string): boolean {
    const agent = this.desired.tenant.agents.get(agentId);
    const wanted = agent !== undefined && matchesSelector(this.desired.spec.selector, agent.labels);
    const target = this.desired.targets.get(agentId);
    if (wanted === (target !== undefined)) return true;
    this.changed = true;
    // Room for a withdrawal, for this event, and for nothing else.
    if (!this.step.fits(2, this.bytes + smallEventBytes)) return false;
    if (wanted) this.added.push(agentId);
    else this.leave(agentId, agent ? 'selector_no_longer_matches' : 'agent_removed');
    if (this.added.length >= maxPerEvent || this.removed.length >= maxPerEvent) this.flush();
    return !this.step.full;
  }

  /** Whether anything differed. */
  finish(): boolean {
    this.flush();
    return this.changed;
  }

  private get bytes(): number {
    return smallEventBytes + (this.added.length + this.removed.length) * bytesPerId;
  }

  private leave(agentId: string, reason: ReasonCode): void {
    const target = this.desired.targets.get(agentId);
    if (target?.stage === 'requested' && target.remediation) {
      this.step.push(withdraw(target, target.remediation, reason));
    }
    this.removed.push({ agent_id: agentId, reason });
  }

  private flush(): void {
    if (this.added.length + this.removed.length === 0) return;
    const { desired, added, removed } = this;
    const data = { state_id: desired.id, added, removed };
    this.step.push(decided('targets.changed', desired.tenant.id, desired.id, data), this.bytes);
    this.added = [];
    this.removed = [];
  }
}
