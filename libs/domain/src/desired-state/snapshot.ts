import { type Labels, type Limits, type StateSpec } from '@fluxforge/events/catalogue';
import { addState, agentTargets, newStatesState, tenantOf } from './desired-state.js';
import { pruneEnds } from './fleet.js';
import {
  type AgentView,
  type DesiredState,
  type Finding,
  type Remediation,
  type Stage,
  type StatesState,
  type Target,
  type TaskResult,
  type Tenant,
} from './model.js';
import { newTarget, occupies } from './target.js';

/** Of everything below. A snapshot of another shape is not read; the log is folded instead. */
export const snapshotShape = 1;

interface StoredTarget {
  readonly agentId: string;
  readonly born: number;
  readonly epoch: number;
  readonly finding: Finding;
  readonly obscured: boolean;
  readonly stage: Stage;
  readonly remediation: Remediation | null;
  readonly settling: Target['settling'];
  readonly requests: number;
  readonly attemptsUsed: number;
  readonly failures: number;
  readonly retryAtMs: number;
  readonly confirmed: boolean;
}

interface StoredState {
  readonly id: string;
  readonly declaredAtMs: number;
  readonly declaredAs: string;
  readonly name: string;
  readonly labels: Labels;
  readonly spec: StateSpec;
  readonly generation: number;
  readonly version: number;
  readonly suspended: boolean;
  readonly deletedAtMs: number | null;
  readonly epochs: number;
  readonly targets: readonly StoredTarget[];
}

interface StoredAgent extends Omit<AgentView, 'ends'> {
  readonly ends: readonly (readonly [string, TaskResult])[];
}

interface StoredTenant {
  readonly id: string;
  readonly limits: Limits | null;
  readonly agents: readonly StoredAgent[];
  readonly states: readonly StoredState[];
  readonly deleted: readonly StoredState[];
}

export interface StatesSnapshot {
  readonly shape: typeof snapshotShape;
  readonly partition: number;
  readonly tenants: readonly StoredTenant[];
}

/** Everything that is not momentary, as plain data. Equal states give equal snapshots. */
export function serializeStates(state: StatesState): StatesSnapshot {
  // The two folds may have met the tenants in another order.
  const tenants = [...state.tenants.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { shape: snapshotShape, partition: state.partition, tenants: tenants.map(storeTenant) };
}

function storeTenant(tenant: Tenant): StoredTenant {
  return {
    id: tenant.id,
    limits: tenant.limits,
    agents: [...tenant.agents.values()].map((agent) => {
      pruneEnds(tenant, agent.id);
      return { ...agent, ends: [...agent.ends] };
    }),
    states: [...tenant.states.values()].map(storeState),
    deleted: [...tenant.deleted.values()].map(storeState),
  };
}

function storeState(desired: DesiredState): StoredState {
  return {
    id: desired.id,
    declaredAtMs: desired.declaredAtMs,
    declaredAs: desired.declaredAs,
    name: desired.name,
    labels: desired.labels,
    spec: desired.spec,
    generation: desired.generation,
    version: desired.version,
    suspended: desired.suspended,
    deletedAtMs: desired.deletedAtMs,
    epochs: desired.epochs,
    targets: [...desired.targets.values()].map(storeTarget),
  };
}

function storeTarget(target: Target): StoredTarget {
  return {
    agentId: target.agentId,
    born: target.born,
    epoch: target.epoch,
    finding: target.finding,
    obscured: target.obscured,
    stage: target.stage,
    remediation: target.remediation,
    settling: target.settling,
    requests: target.requests,
    attemptsUsed: target.attemptsUsed,
    failures: target.failures,
    retryAtMs: target.retryAtMs,
    confirmed: target.confirmed,
  };
}

/** Null for what is of another shape. `resume` is still to come: nothing is marked or timed. */
export function deserializeStates(snapshot: unknown): StatesState | null {
  if (typeof snapshot !== 'object' || snapshot === null) return null;
  const { shape, partition, tenants } = snapshot as Partial<StatesSnapshot>;
  if (shape !== snapshotShape || partition === undefined || !tenants) return null;
  const state = newStatesState(partition);
  for (const stored of tenants) readTenant(tenantOf(state, stored.id), stored);
  return state;
}

function readTenant(tenant: Tenant, stored: StoredTenant): void {
  tenant.limits = stored.limits;
  for (const agent of stored.agents) tenant.agents.set(agent.id, { ...agent, ends: new Map(agent.ends) });
  for (const live of stored.states) {
    addState(tenant, readState(tenant, live));
  }
  for (const marker of stored.deleted) tenant.deleted.set(marker.id, readState(tenant, marker));
}

function readState(tenant: Tenant, stored: StoredState): DesiredState {
  const { targets, ...fields } = stored;
  const desired: DesiredState = {
    ...fields,
    tenant,
    targets: new Map(),
    occupied: 0,
    givenUp: 0,
    ready: new Set(),
  };
  for (const one of targets) {
    const target = { ...newTarget(desired, one.agentId), ...one };
    desired.targets.set(target.agentId, target);
    agentTargets(tenant, target.agentId).targets.set(desired.id, target);
    if (occupies(target)) desired.occupied += 1;
    if (target.stage === 'given-up') desired.givenUp += 1;
  }
  desired.epochs = stored.epochs;
  return desired;
}
