import { type EventData } from '@fluxforge/events/catalogue';
import { declaredBytes } from '@fluxforge/domain/tenant';
import { contentHash } from './content.js';
import { type AgentTargets, type DesiredState, type StatesState, type Target, type Tenant } from './model.js';
import { occupies } from './target.js';
import { newWork } from './work.js';

/** An id may be declared anew this long after its deletion: as long as an idempotency key is remembered. */
export const deletedKeptMs = 24 * 3600 * 1000;
/** Above this many markers the oldest go early. */
export const maxDeletedKept = 10_000;

export function newStatesState(partition: number): StatesState {
  return { partition, tenants: new Map(), work: newWork() };
}

export function tenantOf(state: StatesState, id: string): Tenant {
  let tenant = state.tenants.get(id);
  if (!tenant) {
    tenant = {
      id,
      limits: null,
      agents: new Map(),
      states: new Map(),
      bytes: 0,
      deleted: new Map(),
      names: new Map(),
      byAgent: new Map(),
      reselect: new Set(),
    };
    state.tenants.set(id, tenant);
  }
  return tenant;
}

export function newDesiredState(
  tenant: Tenant,
  data: EventData<'state.declared'>,
  declaredAtMs: number,
): DesiredState {
  return {
    tenant,
    id: data.state_id,
    declaredAtMs,
    declaredAs: contentHash(data),
    name: data.name,
    labels: data.labels,
    spec: data.spec,
    generation: data.generation,
    version: 1,
    suspended: false,
    deletedAtMs: null,
    epochs: 0,
    targets: new Map(),
    occupied: 0,
    givenUp: 0,
    ready: new Set(),
  };
}

export function addState(tenant: Tenant, desired: DesiredState): void {
  tenant.states.set(desired.id, desired);
  tenant.names.set(desired.name, desired);
  tenant.bytes += declaredBytes(desired);
}

/** Live or deleted. */
export function findState(tenant: Tenant, stateId: string): DesiredState | undefined {
  return tenant.states.get(stateId) ?? tenant.deleted.get(stateId);
}

export function findTarget(
  state: StatesState,
  tenantId: string,
  stateId: string,
  agentId: string,
): Target | undefined {
  const tenant = state.tenants.get(tenantId);
  return tenant && findState(tenant, stateId)?.targets.get(agentId);
}

/** The id is not free yet: its deletion is young, or its applies are still being withdrawn. */
export function isMarked(marker: DesiredState, nowMs: number): boolean {
  return marker.targets.size > 0 || nowMs - (marker.deletedAtMs ?? 0) < deletedKeptMs;
}

export function agentTargets(tenant: Tenant, agentId: string): AgentTargets {
  let found = tenant.byAgent.get(agentId);
  if (!found) {
    found = { tenant, agentId, targets: new Map(), asked: 0, backlog: new Set() };
    tenant.byAgent.set(agentId, found);
  }
  return found;
}

/** Changes a target and keeps its state's counters right. */
export function changeTarget(target: Target, change: (target: Target) => void): void {
  const { state } = target;
  if (occupies(target)) state.occupied -= 1;
  if (target.stage === 'given-up') state.givenUp -= 1;
  change(target);
  if (occupies(target)) state.occupied += 1;
  if (target.stage === 'given-up') state.givenUp += 1;
}
