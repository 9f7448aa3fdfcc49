import {
  foundAgainWithinMs,
  markAgent,
  markTarget,
  pruneEnds,
  wantSoon,
  type DesiredState,
  type StatesState,
  type Target,
  type Tenant,
} from '@fluxforge/domain/desired-state';

/**
 * A new owner has both folds whole and nothing momentary: everything is looked at once. What a crash
 * interrupted (an end not acted on, a withdrawal not written, an agent not joined) shows in the state.
 */
export function markEverything(state: StatesState): void {
  for (const tenant of state.tenants.values()) {
    for (const agentId of tenant.agents.keys()) pruneEnds(tenant, agentId);
    for (const agentId of tenant.byAgent.keys()) markAgent(state.work, tenant, agentId);
    markStates(state, tenant);
  }
}

function markStates(state: StatesState, tenant: Tenant): void {
  for (const desired of tenant.states.values()) {
    state.work.reselectStates.add(desired);
    markTargets(state, desired);
  }
  for (const desired of tenant.deleted.values()) markTargets(state, desired);
}

/** What is known for certain is checked at its usual place; the rest soon. */
function markTargets(state: StatesState, desired: DesiredState): void {
  for (const target of desired.targets.values()) {
    target.soonMs = 0;
    markTarget(state.work, target);
    if (!isCertain(target)) wantSoon(state.work, target, foundAgainWithinMs);
  }
}

function isCertain(target: Target): boolean {
  if (target.obscured || target.stage === 'applied') return false;
  return target.finding === 'compliant' || (target.finding === 'drifted' && target.confirmed);
}
