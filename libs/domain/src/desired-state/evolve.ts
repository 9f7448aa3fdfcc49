import {
  type EventData,
  type EventType,
  type Fact,
  type JournalEventBody,
  type StatesEventBody,
} from '@fluxforge/events/catalogue';
import { selectorText } from '@fluxforge/domain/kernel';
import { declaredBytes } from '@fluxforge/domain/tenant';
import { strippedSpec } from './content.js';
import {
  addState,
  agentTargets,
  changeTarget,
  findState,
  isMarked,
  maxDeletedKept,
  newDesiredState,
  tenantOf,
} from './desired-state.js';
import { evolveTarget } from './evolve-target.js';
import { type DesiredState, type StatesState, type Target, type Tenant, type Work } from './model.js';
import { enterEpoch, newTarget, newTargetWithinMs, occupies } from './target.js';
import { forgetState, forgetTarget, markTarget, wantSoon } from './work.js';

/** Events that change the declared fields: the resource version counts them. Suspending is no such change. */
export function raisesVersion(type: EventType): boolean {
  return type === 'state.declared' || type === 'state.updated';
}

/** Folds an event of this context. What does not fit is ignored. Never touches the foreign part. */
export function evolveStates(state: StatesState, fact: Fact<StatesEventBody | JournalEventBody>): void {
  switch (fact.type) {
    case 'journal.claimed':
    case 'journal.progress':
    case 'command.accepted':
    case 'command.rejected':
      return;
    case 'state.declared':
      return declare(state, tenantOf(state, fact.tenantId), fact.data, fact.timeMs);
    default:
  }
  const tenant = state.tenants.get(fact.tenantId);
  const desired = tenant && findState(tenant, fact.data.state_id);
  if (!desired) return;
  switch (fact.type) {
    case 'state.updated':
      return update(state.work, desired, fact.data);
    case 'state.suspended':
    case 'state.resumed':
      return suspend(state.work, desired, fact.type === 'state.suspended');
    case 'state.deleted':
      return remove(state.work, desired, fact.timeMs);
    case 'targets.changed':
      return changeTargets(state.work, desired, fact.data);
    default:
      evolveTargetOf(state.work, desired, fact);
  }
}

function evolveTargetOf(
  work: Work,
  desired: DesiredState,
  fact: Extract<Fact<StatesEventBody>, { data: { agent_id: string } }>,
): void {
  const target = desired.targets.get(fact.data.agent_id);
  if (!target) return;
  changeTarget(target, () => evolveTarget(work, target, fact));
  if (desired.deletedAtMs !== null && target.stage !== 'requested') dropTarget(work, target);
  else markTarget(work, target);
}

function declare(
  state: StatesState,
  tenant: Tenant,
  data: EventData<'state.declared'>,
  timeMs: number,
): void {
  if (tenant.states.has(data.state_id)) return;
  dropOldMarkers(tenant, timeMs);
  const marker = tenant.deleted.get(data.state_id);
  if (marker) for (const target of [...marker.targets.values()]) dropTarget(state.work, target);
  tenant.deleted.delete(data.state_id);
  const desired = newDesiredState(tenant, data, timeMs);
  addState(tenant, desired);
  state.work.reselectStates.add(desired);
}

function dropOldMarkers(tenant: Tenant, nowMs: number): void {
  for (const marker of tenant.deleted.values()) {
    const tooMany = tenant.deleted.size > maxDeletedKept && marker.targets.size === 0;
    if (isMarked(marker, nowMs) && !tooMany) return;
    tenant.deleted.delete(marker.id);
  }
}

function update(work: Work, desired: DesiredState, data: EventData<'state.updated'>): void {
  if (desired.deletedAtMs !== null) return;
  const { tenant } = desired;
  if (tenant.names.get(desired.name) === desired) tenant.names.delete(desired.name);
  tenant.names.set(data.name, desired);
  tenant.bytes += declaredBytes(data) - declaredBytes(desired);
  const reselected = selectorText(desired.spec.selector) !== selectorText(data.spec.selector);
  desired.name = data.name;
  desired.labels = data.labels;
  desired.spec = data.spec;
  desired.version += 1;
  if (data.generation > desired.generation) renew(work, desired, data.generation);
  if (reselected) work.reselectStates.add(desired);
}

/** A new generation: nothing is known of any target, and every attempt is given back. */
function renew(work: Work, desired: DesiredState, generation: number): void {
  desired.generation = generation;
  const epoch = ++desired.epochs;
  for (const target of desired.targets.values()) {
    changeTarget(target, () => {
      enterEpoch(target, epoch);
      target.finding = 'none';
      target.obscured = false;
      target.requests = 0;
      forgetFailures(target);
      // One that is in flight stays until it has been withdrawn or has ended.
      if (target.stage !== 'requested') {
        target.stage = 'idle';
        target.remediation = null;
      }
    });
    markTarget(work, target);
    wantSoon(work, target, newTargetWithinMs);
  }
}

function forgetFailures(target: Target): void {
  target.attemptsUsed = 0;
  target.failures = 0;
  target.retryAtMs = 0;
  target.confirmed = false;
}

function suspend(work: Work, desired: DesiredState, suspended: boolean): void {
  desired.suspended = suspended;
  for (const target of desired.targets.values()) {
    markTarget(work, target);
    if (suspended) continue;
    // A person may have mended it meanwhile: what was found before is not enough to apply.
    enterEpoch(target, ++desired.epochs);
    target.confirmed = false;
    wantSoon(work, target, newTargetWithinMs);
  }
}

function remove(work: Work, desired: DesiredState, timeMs: number): void {
  if (desired.deletedAtMs !== null) return;
  const { tenant } = desired;
  tenant.states.delete(desired.id);
  tenant.bytes -= declaredBytes(desired);
  tenant.deleted.set(desired.id, desired);
  if (tenant.names.get(desired.name) === desired) tenant.names.delete(desired.name);
  desired.deletedAtMs = timeMs;
  desired.spec = strippedSpec(desired.spec);
  forgetState(work, desired);
  for (const target of [...desired.targets.values()]) {
    if (target.stage === 'requested') markTarget(work, target);
    else dropTarget(work, target);
  }
  dropOldMarkers(tenant, timeMs);
}

function changeTargets(work: Work, desired: DesiredState, data: EventData<'targets.changed'>): void {
  for (const { agent_id: agentId } of data.removed) {
    const target = desired.targets.get(agentId);
    if (target) dropTarget(work, target);
  }
  if (desired.deletedAtMs !== null) return;
  for (const agentId of data.added) {
    if (desired.targets.has(agentId)) continue;
    const target = newTarget(desired, agentId);
    desired.targets.set(agentId, target);
    agentTargets(desired.tenant, agentId).targets.set(desired.id, target);
    work.targets.add(target);
  }
  // Percentages are of the number of targets.
  work.states.add(desired);
}

function dropTarget(work: Work, target: Target): void {
  const { state, agentId } = target;
  forgetTarget(work, target);
  if (occupies(target)) state.occupied -= 1;
  if (target.stage === 'given-up') state.givenUp -= 1;
  state.targets.delete(agentId);
  const agent = state.tenant.byAgent.get(agentId);
  agent?.targets.delete(state.id);
  if (agent?.targets.size !== 0) return;
  state.tenant.byAgent.delete(agentId);
  work.roomy.delete(agent);
}
