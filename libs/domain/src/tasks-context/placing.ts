import { type Agent } from '@fluxforge/domain/agent';
import { breakerDueMs, type Breaker } from '@fluxforge/domain/breakers';
import { leaseOverMs } from '@fluxforge/domain/leases';
import { gates } from '@fluxforge/domain/scheduling';
import { deadlineMs, type Task } from '@fluxforge/domain/task';
import { type Schedule } from '@fluxforge/domain/schedules';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** Keeps the derived places of tasks and agents in line with what folds and sessions have changed. */

/** Puts a task without a lease where it belongs. `waiting` holds it until its time, whatever the time is. */
export function enqueue(state: TasksState, realm: Realm, task: Task): void {
  realm.queuedTasks += 1;
  realm.queuedBytes += task.specBytes;
  realm.queuedByPriority[task.spec.priority]! += 1;
  state.queuedTasks += 1;
  state.busy.add(realm);
  if (deadlineMs(task) < Infinity) state.deadlines.add(task);
  const { agent_id } = task.spec;
  const agent = agent_id === undefined ? undefined : realm.agents.get(agent_id);
  agent?.pinned.add(task.id);
  if (agent_id !== undefined && !agent) state.doomed.set(task, task.order, task.order);
  // Ready by the time of the last fact is ready by any owner's clock; the others are moved by `promote`.
  else if (task.readyAtMs <= state.lastFactMs) makeReady(state, realm, task);
  else state.waiting.set(task, task.readyAtMs, task.order);
}

export function dequeue(state: TasksState, realm: Realm, task: Task): void {
  realm.queuedTasks -= 1;
  realm.queuedBytes -= task.specBytes;
  realm.queuedByPriority[task.spec.priority]! -= 1;
  state.queuedTasks -= 1;
  if (realm.queuedTasks === 0) state.busy.delete(realm);
  if (task.spec.agent_id !== undefined) realm.agents.get(task.spec.agent_id)?.pinned.delete(task.id);
  state.deadlines.delete(task);
  state.doomed.delete(task);
  state.waiting.delete(task);
  realm.oversized.delete(task);
  realm.queue.remove(task);
  syncOpen(state, realm);
}

/** Moves what has become ready by the clock. */
export function promote(state: TasksState, nowMs: number): void {
  while (state.waiting.peekRank() <= nowMs) {
    const task = state.waiting.pop()!;
    makeReady(state, state.realms.get(task.tenantId)!, task);
  }
}

function makeReady(state: TasksState, realm: Realm, task: Task): void {
  realm.queue.add(task);
  syncOpen(state, realm);
}

/** It can never start under these limits: what stands behind it must not wait for it. */
export function setOversized(state: TasksState, realm: Realm, task: Task): void {
  realm.queue.remove(task);
  realm.oversized.add(task);
  syncOpen(state, realm);
}

/** What the limits held back is looked at again. */
export function limitsChanged(state: TasksState, realm: Realm): void {
  realm.outputHeldHourMs = null;
  for (const task of realm.oversized) realm.queue.add(task);
  realm.oversized.clear();
  syncOpen(state, realm);
}

export function syncCrowded(state: TasksState, realm: Realm): void {
  if (realm.concurrency.hasSuperseded) state.crowded.set(realm, realm.order, 0);
  else state.crowded.delete(realm);
}

/** Its agents came or went. In the order of the realms: a restored state knows no other. */
export function shake(state: TasksState, realm: Realm): void {
  state.shaken.set(realm, realm.order, 0);
}

export function syncOverloaded(state: TasksState, realm: Realm): void {
  if (realm.tenant.overload.mode === 'normal') state.overloaded.delete(realm);
  else state.overloaded.add(realm);
}

export function syncOpen(state: TasksState, realm: Realm): void {
  state.held.delete(realm);
  timeKeeping(state, realm);
  if (realm.queue.hasOpen) state.open.set(realm, realm.share.virtualMs, realm.order);
  else state.open.delete(realm);
}

function timeKeeping(state: TasksState, realm: Realm): void {
  const { keepAtMs } = realm.queue;
  if (keepAtMs === Infinity) state.keepTimers.delete(realm);
  else state.keepTimers.set(realm, keepAtMs, realm.order);
}

/** Keeps an agent for a task that is due one. One tenant in each pass: it looks at all of its agents. */
export function keepAgents(state: TasksState, nowMs: number): void {
  if (state.keepTimers.peekRank() > nowMs) return;
  const realm = state.keepTimers.peek()!;
  realm.queue.keep(nowMs);
  syncOpen(state, realm);
}

/** Puts a held realm aside until the hold is over or something of it changes. */
export function setAside(state: TasksState, realm: Realm, untilMs: number | null): void {
  state.open.delete(realm);
  state.held.set(realm, untilMs ?? Infinity, realm.order);
}

/** Gates of one tenant that a fact has opened. */
export function openGate(state: TasksState, realm: Realm, gate: string): void {
  realm.queue.openGate(gate);
  syncOpen(state, realm);
}

export function refreshAgent(state: TasksState, realm: Realm, agent: Agent, relabelled = false): void {
  realm.queue.agentChanged(agent, relabelled);
  syncOpen(state, realm);
}

/** Tasks that waited for it are looked at again. */
export function brakeChanged(state: TasksState, realm: Realm): void {
  const { untilMs } = realm.brake;
  if (untilMs !== null) state.brakeTimers.set(realm, untilMs, realm.order);
  else {
    state.brakeTimers.delete(realm);
    openGate(state, realm, gates.brake);
  }
}

export function timeDrain(state: TasksState, agent: Agent): void {
  const { drainDeadlineMs } = agent;
  if (drainDeadlineMs === null) state.drainTimers.delete(agent);
  else state.drainTimers.set(agent, drainDeadlineMs, agent.order);
}

/** What it lets through, or when it has to be looked at, is new. */
export function breakerChanged(state: TasksState, realm: Realm, breaker: Breaker): void {
  timeBreaker(state, realm, breaker);
  // Ends that a closed one counts change nothing for its agents.
  if (breaker.phase === 'closed' && breaker.ends.length > 0) return;
  for (const agent of guardedBy(realm, breaker)) refreshAgent(state, realm, agent);
}

function guardedBy(realm: Realm, { scope, name }: Breaker): Iterable<Agent> {
  if (scope === 'domain') return realm.queue.agentsWith(realm.breakers.policies.domainLabel, name);
  const agent = realm.agents.get(name);
  return agent ? [agent] : [];
}

export function timeBreaker(state: TasksState, realm: Realm, breaker: Breaker): void {
  const dueMs = breakerDueMs(breaker, realm.breakers.policyOf(breaker));
  if (dueMs === Infinity) state.breakerTimers.delete(breaker);
  else state.breakerTimers.set(breaker, dueMs, breaker.order);
}

/** Its pinned tasks can never start: they are put where `plan` ends them, a few at a time. */
export function dropAgent(state: TasksState, realm: Realm, agent: Agent): void {
  realm.agents.delete(agent.id);
  const breaker = realm.breakers.dropAgent(agent.id);
  if (breaker) state.breakerTimers.delete(breaker);
  realm.queue.agentRemoved(agent);
  state.agentTimers.delete(agent);
  state.drainTimers.delete(agent);
  state.moment.asks.delete(agent);
  realm.brake.removed(agent);
  shake(state, realm);
  for (const taskId of agent.pinned) {
    const task = realm.tasks.get(taskId);
    if (!task) continue;
    state.waiting.delete(task);
    realm.oversized.delete(task);
    realm.queue.remove(task);
    state.doomed.set(task, task.order, task.order);
  }
  syncOpen(state, realm);
}

export function timeLease(state: TasksState, policy: TasksPolicy, task: Task): void {
  if (!task.lease) return;
  const tookOverAtMs = state.moment.tookOverAtMs ?? -Infinity;
  state.leaseTimers.set(task, leaseOverMs(task.lease, policy.leaseMarginMs, tookOverAtMs), task.order);
}

/**
 * When an agent counts as lost. A new owner waits as long as the longest lease it may have to honour: all
 * agents have to find it first.
 */
export function lossMs(state: TasksState, policy: TasksPolicy, agent: Agent): number {
  const tookOverAtMs = state.moment.tookOverAtMs ?? -Infinity;
  const floorMs = tookOverAtMs + policy.leaseMs + policy.leaseMarginMs;
  return Math.max(agent.lastAnswerAtMs + policy.agentTtlMs, floorMs);
}

export function timeAgent(state: TasksState, policy: TasksPolicy, agent: Agent): void {
  if (agent.standing === 'found') state.agentTimers.set(agent, lossMs(state, policy, agent), agent.order);
  else state.agentTimers.delete(agent);
}

export function timeSchedule(state: TasksState, schedule: Schedule): void {
  if (schedule.nextMs === null) state.scheduleTimers.delete(schedule);
  else state.scheduleTimers.set(schedule, schedule.nextMs, schedule.order);
}
