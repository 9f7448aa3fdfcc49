import {
  type Agent,
  type AgentMessage,
  type ConnectedMessage,
  type HeartbeatMessage,
  type LeaseRef,
} from '@fluxforge/domain/agent';
import {
  OverloadWatch,
  TenantOverloadWatch,
  type PressureMessage,
  type TenantLoad,
} from '@fluxforge/domain/modes';
import { drawFraction } from '@fluxforge/domain/kernel';
import { compareInventory } from '@fluxforge/domain/leases';
import { type Lease, type Task } from '@fluxforge/domain/task';
import { refreshAgent } from './placing.js';
import { type TasksPolicy } from './policy.js';
import { byOrder } from './restoring.js';
import { runsOn } from './runs.js';
import { type Realm, type TasksState } from './state.js';

/** What the shell offers: what it hears on the control streams, and how it fares itself. */
export type TasksMessage = AgentMessage | PressureMessage;

/** Takes in what is known of agents for the moment: streams, answers, and how far their leases reach. */
export function observe(state: TasksState, policy: TasksPolicy, message: TasksMessage, nowMs: number): void {
  if (message.kind === 'pressure') return pressed(state, policy, message, nowMs);
  const realm = state.realms.get(message.tenantId);
  const agent = realm?.agents.get(message.agentId);
  if (!realm || !agent) return;
  switch (message.kind) {
    case 'connected':
      return connected(state, policy, realm, agent, message, nowMs);
    case 'disconnected':
      if (agent.session?.id !== message.sessionId) return;
      agent.session = null;
      state.moment.asks.delete(agent);
      return refreshAgent(state, realm, agent);
    case 'heartbeat':
      if (agent.session?.id !== message.sessionId) return;
      return answered(state, policy, realm, agent, message, nowMs);
    default:
      // Reports are facts in the making, not of the moment.
      return;
  }
}

function pressed(state: TasksState, policy: TasksPolicy, message: PressureMessage, nowMs: number): void {
  const { eventLoopDelayMs, commitLatencyMs } = message;
  state.moment.overload ??= {
    partition: new OverloadWatch(policy.overload),
    tenants: new TenantOverloadWatch(policy.overload),
  };
  const { partition, tenants } = state.moment.overload;
  const queued = tenants.observe(state.queuedTasks, loadsOf(state, policy), nowMs);
  partition.observe({ queued, eventLoopDelayMs, commitLatencyMs }, nowMs);
}

/** None are looked at while the partition is not deep and nobody is overloaded: there may be thousands. */
function loadsOf(state: TasksState, policy: TasksPolicy): TenantLoad[] {
  const { queuedTasks, busy, overloaded } = state;
  if (queuedTasks <= policy.overload.queued.high && overloaded.size === 0) return [];
  return byOrder(new Set([...busy, ...overloaded])).map(({ tenant, queuedTasks: queued }) => ({
    tenantId: tenant.id,
    queued,
    weight: tenant.limits.weight ?? 1,
    mode: tenant.overload.mode,
  }));
}

function connected(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  agent: Agent,
  message: ConnectedMessage,
  nowMs: number,
): void {
  agent.session = { id: message.sessionId, stopping: false };
  agent.lastAnswerAtMs = nowMs;
  // After a takeover all agents come at once; the draw keeps their heartbeats from staying in step.
  const firstAskMs = nowMs + Math.floor(policy.heartbeatMs * drawFraction(`${agent.id}:ask`));
  state.moment.asks.set(agent, firstAskMs, agent.order);
  refreshAgent(state, realm, agent);
  const { held, missing, unknown } = compareInventory(
    agent.id,
    runsOn(realm, agent),
    message.inventory,
    (id) => realm.tasks.get(id),
  );
  for (const task of held) {
    isHeld(state, task, policy, nowMs);
    if (isToStop(task)) state.moment.outbox.push({ kind: 'push-cancel', ...orderOf(agent, task) });
  }
  for (const task of missing) {
    if (isToStop(task)) continue;
    // The push starts the agent's count anew, so the owner's starts anew as well.
    renew(state, task, policy, nowMs);
    const pushBeforeMs = nowMs + policy.leaseMarginMs;
    state.moment.outbox.push({ kind: 'push-lease', ...orderOf(agent, task), pushBeforeMs });
  }
  dropUnknown(state, agent, unknown);
}

function isToStop({ cancel, lease }: Task): boolean {
  return cancel !== null || lease?.isMoving === true;
}

function answered(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  agent: Agent,
  message: HeartbeatMessage,
  nowMs: number,
): void {
  const atMs = Math.min(message.answeredAtMs, nowMs);
  agent.lastAnswerAtMs = Math.max(agent.lastAnswerAtMs, atMs);
  const stopping = message.stopping ?? false;
  if (agent.session && agent.session.stopping !== stopping) {
    agent.session.stopping = stopping;
    refreshAgent(state, realm, agent);
  }
  const inventory = message.running.map((ref) => ({ ...ref, finished: false }));
  const { held, unknown } = compareInventory(agent.id, [], inventory, (id) => realm.tasks.get(id));
  for (const task of held) isHeld(state, task, policy, atMs);
  dropUnknown(state, agent, unknown);
}

/** Its agent names it among what it has. */
function isHeld(state: TasksState, task: Task, policy: TasksPolicy, atMs: number): void {
  if (task.lease) task.lease.heldSinceMs ??= atMs;
  renew(state, task, policy, atMs);
}

/**
 * A run that has gone on beyond its own time limit is renewed no more, whatever the agent says: the agent
 * should have killed it, and the end of its lease is the owner's way to be rid of it. It is counted from the
 * takeover at the earliest, as leases are: what the agent is granted, it must also be waited for.
 */
function renew(state: TasksState, task: Task, policy: TasksPolicy, atMs: number): void {
  const { lease, spec } = task;
  if (!lease) return;
  const fromMs = runsFromMs(lease, spec.kill_grace_ms);
  if (spec.execution_timeout_ms > 0 && fromMs !== null) {
    // The start was written by the clock of the owner of that time; a new one's may be ahead of it.
    const sinceMs = Math.max(fromMs, state.moment.tookOverAtMs ?? -Infinity);
    const limitMs = sinceMs + spec.execution_timeout_ms + spec.kill_grace_ms + policy.leaseMarginMs;
    if (atMs >= limitMs) return;
  }
  lease.renewedAtMs = Math.max(lease.renewedAtMs, atMs);
}

/**
 * The word of a start can be lost, and is said once. A run that its agent holds has started by then, or waits only
 * for an older attempt on that machine to be killed.
 */
function runsFromMs({ startedAtMs, heldSinceMs }: Lease, killGraceMs: number): number | null {
  if (startedAtMs !== null) return startedAtMs;
  return heldSinceMs === null ? null : heldSinceMs + killGraceMs;
}

function dropUnknown(state: TasksState, agent: Agent, unknown: readonly LeaseRef[]): void {
  for (const { taskId, life, attempt } of unknown) {
    const lease = { tenantId: agent.tenantId, agentId: agent.id, taskId, life, attempt };
    state.moment.outbox.push({ kind: 'drop-lease', ...lease });
  }
}

function orderOf(agent: Agent, task: Task) {
  return {
    tenantId: agent.tenantId,
    agentId: agent.id,
    taskId: task.id,
    life: task.life,
    attempt: task.attemptsUsed,
  };
}
