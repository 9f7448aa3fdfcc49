import { type ReasonCode } from '@fluxforge/events/catalogue';
import { clusterMode, effectiveMode, heldScope, holdsLeases } from '@fluxforge/domain/modes';
import { hourOf, neverFits, nextHourMs, usedBytes } from '@fluxforge/domain/quotas';
import { closedGate, gates, laneOf, type GateRule } from '@fluxforge/domain/scheduling';
import { type Task } from '@fluxforge/domain/task';
import { type Realm, type TasksState } from './state.js';

/** Why a task, or all of a tenant, cannot be leased now, whatever agents there are. */
export interface Hold {
  readonly reason: ReasonCode;
  /** When the clock lifts it; null: only a fact does. */
  readonly untilMs: number | null;
  /** For what is counted: how much there is of how much there may be, and the name of the limit. */
  readonly used?: number;
  readonly limit?: number;
  readonly limitName?: string;
  /** For a mode: whose it is. */
  readonly scopes?: readonly ModeScope[];
}

export type ModeScope = 'tenant' | 'cluster';

export type HoldRule = (realm: Realm, nowMs: number) => Hold | null;

/** Asked in this order by the scheduler and by explanations. Facts that lift one call `syncOpen`. */
const holdRules: readonly HoldRule[] = [byMode, byRunningTasks, byOutput];

export function realmHold(realm: Realm, nowMs: number): Hold | null {
  for (const rule of holdRules) {
    const hold = rule(realm, nowMs);
    if (hold) return hold;
  }
  return null;
}

export function modeOf(realm: Realm) {
  return effectiveMode(realm.tenant.mode, realm.tenant.overload, realm.cluster.modes);
}

export function modeScopeOf(realm: Realm) {
  return heldScope(realm.tenant.mode, realm.tenant.overload, realm.cluster.modes);
}

function byMode(realm: Realm): Hold | null {
  if (!holdsLeases(modeOf(realm))) return null;
  const scopes: ModeScope[] = [];
  if (holdsLeases(realm.tenant.mode)) scopes.push('tenant');
  if (holdsLeases(clusterMode(realm.cluster.modes).mode)) scopes.push('cluster');
  return { reason: 'mode_draining', untilMs: null, scopes };
}

function byRunningTasks(realm: Realm): Hold | null {
  const used = realm.tasks.size - realm.queuedTasks;
  const { max_running_tasks: limit } = realm.tenant.limits;
  if (limit === undefined || used < limit) return null;
  return { reason: 'quota_running_tasks', untilMs: null, used, limit, limitName: 'max_running_tasks' };
}

/** Whose turn it was had no room left: what comes behind it waits as well, or it would wait for ever. */
function byOutput(realm: Realm, nowMs: number): Hold | null {
  const { output_bytes_per_hour: limit } = realm.tenant.limits;
  if (limit === undefined || realm.outputHeldHourMs !== hourOf(nowMs)) return null;
  const used = usedBytes(realm.output, nowMs);
  return { reason: 'quota_output_bytes', untilMs: nextHourMs(nowMs), ...outputQuota(used, limit) };
}

function outputQuota(used: number, limit: number) {
  return { used, limit, limitName: 'output_bytes_per_hour' };
}

/** A task that may print more than the tenant may in an hour can never start, and holds up nobody else. */
export function taskHold({ tenant, output }: Realm, task: Task, nowMs: number): Hold | null {
  const { output_bytes_per_hour: limit } = tenant.limits;
  if (limit === undefined || !neverFits(tenant.limits, task.spec)) return null;
  return { reason: 'quota_output_bytes', untilMs: null, ...outputQuota(usedBytes(output, nowMs), limit) };
}

/** What holds back a task that has no lease: what the scheduler asks before it asks for an agent, in its order. */
export function holdOf(state: TasksState, realm: Realm, task: Task, nowMs: number): Hold | null {
  return (
    readyHold(state, task, nowMs) ??
    realmHold(realm, nowMs) ??
    taskHold(realm, task, nowMs) ??
    gateHold(realm, task)
  );
}

function readyHold(state: TasksState, task: Task, nowMs: number): Hold | null {
  if (state.doomed.has(task)) return { reason: 'agent_removed', untilMs: null };
  if (task.readyAtMs <= nowMs) return null;
  return { reason: task.attemptsUsed > 0 ? 'backoff' : 'not_before', untilMs: task.readyAtMs };
}

function gateHold(realm: Realm, task: Task): Hold | null {
  const closed = closedGate(gateRulesOf(realm), laneOf(task));
  if (!closed) return null;
  const { reason } = closed;
  return { reason, untilMs: reason === 'mass_loss_brake' ? realm.brake.untilMs : null };
}

/** What tasks of a tenant may have to wait for beside a fitting agent. Facts that lift one open its gate. */
export function gateRulesOf(realm: Realm): readonly GateRule[] {
  return [brakeRule(realm), keyRule(realm), applyLock(realm)];
}

function brakeRule({ brake }: Realm): GateRule {
  return ({ isOrphaned }) =>
    isOrphaned && brake.isOn ? { gate: gates.brake, reason: 'mass_loss_brake' } : null;
}

/** Opened by every end of a lease of the key; tasks with another `max` may find it closed still. */
function keyRule({ concurrency: keys }: Realm): GateRule {
  return ({ concurrency }) => {
    if (!concurrency || !keys.isTaken(concurrency)) return null;
    return { gate: gates.key(concurrency.key), reason: 'concurrency_key' };
  };
}

/** Two applies on one machine may get in each other's way (a package manager's lock, one file edited twice). */
function applyLock({ applies }: Realm): GateRule {
  return ({ lockedAgentId: agentId }) =>
    agentId !== null && applies.has(agentId) ? { gate: gates.lock(agentId), reason: 'lock_held' } : null;
}
