import { type Breaker } from '@fluxforge/domain/breakers';
import { type Origin, type TaskKind, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Task } from '@fluxforge/domain/task';
import { agentOf, taskOf, type Realm, type TasksState } from './state.js';

/** All that a lease frame needs. */
export interface LeaseView {
  readonly tenantId: string;
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
  readonly agentId: string;
  readonly leaseMs: number;
  readonly leasedAtMs: number;
  readonly startedAtMs: number | null;
  readonly cancelRequested: boolean;
  readonly kind: TaskKind;
  readonly origin: Origin | null;
  readonly spec: TaskSpec;
  readonly traceparent: string | null;
}

/** The live lease of a task, or null. */
export function leaseView(state: TasksState, tenantId: string, taskId: string): LeaseView | null {
  const task = taskOf(state, tenantId, taskId);
  if (!task?.lease) return null;
  const { agentId, attempt, leaseMs, leasedAtMs, startedAtMs } = task.lease;
  return {
    tenantId,
    taskId,
    life: task.life,
    attempt,
    agentId,
    leaseMs,
    leasedAtMs,
    startedAtMs,
    cancelRequested: task.cancel !== null,
    kind: task.kind,
    origin: task.origin,
    spec: task.spec,
    traceparent: task.traceparent,
  };
}

/** Hash of the agent's credential; null when the agent is unknown or removed. */
export function agentCredential(state: TasksState, tenantId: string, agentId: string): string | null {
  return agentOf(state, tenantId, agentId)?.credentialHash ?? null;
}

export interface QueueDepth {
  readonly tenantId: string;
  /** Without a lease, whatever they wait for. */
  readonly queued: number;
  /** What their specs take. */
  readonly queuedBytes: number;
  /** Of these, what could start now if an agent fits. */
  readonly ready: number;
  readonly leased: number;
  /** Queued tasks of each priority, 0 to 9. It goes on counting. */
  readonly byPriority: readonly number[];
}

export function queueDepths(state: TasksState): QueueDepth[] {
  return [...state.realms.values()].map(depthIn);
}

/** Null: there is no such tenant in this partition. */
export function queueDepthOf(state: TasksState, tenantId: string): QueueDepth | null {
  const realm = state.realms.get(tenantId);
  return realm ? depthIn(realm) : null;
}

function depthIn(realm: Realm): QueueDepth {
  const { tenant, queuedTasks: queued, queuedBytes, queuedByPriority: byPriority, queue, tasks } = realm;
  const leased = tasks.size - queued;
  return { tenantId: tenant.id, queued, queuedBytes, ready: queue.readyTasks, leased, byPriority };
}

/** One tenant's queue, for people. */
export interface QueueView extends QueueDepth {
  /** Since when the one that has waited longest has been ready; null when none is. */
  readonly oldestReadySinceMs: number | null;
}

/** Tasks that are looked at in one step: far less than a slice. */
export const lookedAtInStep = 1_000;

/**
 * Since when the task that has waited longest has been ready; null when none is. In steps, between which the state may
 * move on: what moves meanwhile is seen as it was or as it is.
 */
function* oldestReady({ tasks }: Realm, nowMs: number): Generator<void, number | null> {
  let oldestMs = Infinity;
  let looked = 0;
  for (const task of tasks.values()) {
    if (++looked % lookedAtInStep === 0) yield;
    if (task.lease || task.readyAtMs > nowMs) continue;
    oldestMs = Math.min(oldestMs, task.readyAtMs);
    if (isReadySinceAdmitted(task)) break;
  }
  return oldestMs === Infinity ? null : oldestMs;
}

/** Tasks stand in the order of their admission: none behind it has been ready for longer. */
function isReadySinceAdmitted({ attemptsUsed, readyAtMs, spec }: Task): boolean {
  return attemptsUsed === 0 && (spec.not_before_ms ?? -Infinity) < readyAtMs;
}

/** The same of a tenant by its id. */
export function* oldestReadyIn(
  state: TasksState,
  tenantId: string,
  nowMs: number,
): Generator<void, number | null> {
  const realm = state.realms.get(tenantId);
  return realm ? yield* oldestReady(realm, nowMs) : null;
}

/** Null: there is no such tenant in this partition. */
export function* queueIn(
  state: TasksState,
  tenantId: string,
  nowMs: number,
): Generator<void, QueueView | null> {
  const realm = state.realms.get(tenantId);
  if (!realm) return null;
  const oldestReadySinceMs = yield* oldestReady(realm, nowMs);
  return { ...depthIn(realm), oldestReadySinceMs };
}

/** What keeps leases away from agents of a tenant now. */
export interface Quarantines {
  /** Those that are not closed, at most `quarantinesShown` of them. */
  readonly breakers: readonly Pick<Breaker, 'scope' | 'name' | 'phase' | 'untilMs' | 'openings'>[];
  /** Null: the brake is not on. */
  readonly brake: { readonly untilMs: number; readonly lostAgents: number; readonly agents: number } | null;
}

const quarantinesShown = 1_000;

/** Null: there is no such tenant in this partition. */
export function quarantinesOf(state: TasksState, tenantId: string): Quarantines | null {
  const realm = state.realms.get(tenantId);
  if (!realm) return null;
  const { untilMs, lostAgents, agents } = realm.brake;
  return {
    breakers: realm.breakers
      .all()
      .filter(({ phase }) => phase !== 'closed')
      .slice(0, quarantinesShown),
    brake: untilMs === null ? null : { untilMs, lostAgents, agents },
  };
}
