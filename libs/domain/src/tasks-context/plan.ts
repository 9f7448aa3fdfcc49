import { systemTenant, type Decided } from '@fluxforge/events/catalogue';
import { breakerStep } from '@fluxforge/domain/breakers';
import { clamp, decided } from '@fluxforge/domain/kernel';
import { decideLeaseOver, leaseOverMs } from '@fluxforge/domain/leases';
import { hasOutputRoom, hourOf, reservedBytes } from '@fluxforge/domain/quotas';
import { chargeMs, effectivePriority } from '@fluxforge/domain/scheduling';
import { type Agent } from '@fluxforge/domain/agent';
import { cancelTask, type Task } from '@fluxforge/domain/task';
import { type Own } from './decide.js';
import { fireDue } from './firing.js';
import { stepFanouts } from './fanout-steps.js';
import { realmHold, taskHold } from './holds.js';
import { keepAgents, lossMs, promote, setAside, setOversized, syncOpen } from './placing.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

const longestSpanMs = 366 * 24 * 3600 * 1000;

/**
 * What the state calls for now, one event at a time: each changes what the next may be, and the host folds
 * it before it asks again. First what is over (agents, leases, waits), then new leases, so that nothing is
 * given to an agent that is known to be gone. On the way only derived places move (a timer that was set too
 * early, a task whose time has come, a group that fits nowhere): asked twice, it answers the same.
 */
export function plan(state: TasksState, policy: TasksPolicy, nowMs: number, room: number): Decided<Own>[] {
  if (room < 1) return [];
  const event =
    lostAgent(state, policy, nowMs) ??
    brakeDue(state, policy, nowMs) ??
    moveDue(state, nowMs) ??
    leaseOver(state, policy, nowMs) ??
    doomed(state) ??
    overdue(state, nowMs) ??
    superseded(state) ??
    overload(state) ??
    breakerDue(state, nowMs);
  if (event) return [event];
  // Many schedules that are due at once take turns with leases, and come all the same when none is possible.
  const fired = state.moment.firedInARow < policy.firingsInARow ? made(state, policy, nowMs, room) : null;
  if (fired) return fired;
  const lease = nextLease(state, policy, nowMs);
  return lease ? [lease] : (made(state, policy, nowMs, room) ?? []);
}

/** What becomes tasks by itself: due schedules, and members of fan-outs. */
function made(state: TasksState, policy: TasksPolicy, nowMs: number, room: number): Decided<Own>[] | null {
  return fireDue(state, policy, nowMs, room) ?? stepFanouts(state, policy, nowMs, room);
}

function lostAgent(state: TasksState, policy: TasksPolicy, nowMs: number): Decided<Own> | null {
  if (state.moment.tookOverAtMs === null) return null;
  while (state.agentTimers.peekRank() <= nowMs) {
    const agent = state.agentTimers.peek()!;
    const atMs = lossMs(state, policy, agent);
    if (atMs <= nowMs) {
      return decided('agent.lost', agent.tenantId, agent.id, { agent_id: agent.id, reason: 'no_answer' });
    }
    state.agentTimers.set(agent, atMs, agent.order);
  }
  return null;
}

function brakeDue(state: TasksState, policy: TasksPolicy, nowMs: number): Decided<Own> | null {
  for (let realm = state.shaken.peek(); realm; realm = state.shaken.peek()) {
    const event = realm.brake.step(policy.brake, realm.tenant.id, nowMs);
    if (event) return event;
    state.shaken.delete(realm);
  }
  if (state.brakeTimers.peekRank() > nowMs) return null;
  const realm = state.brakeTimers.peek()!;
  return realm.brake.step(policy.brake, realm.tenant.id, nowMs);
}

/** What still runs on an agent after the deadline of its drain, one by one. */
function moveDue(state: TasksState, nowMs: number): Decided<Own> | null {
  while (state.drainTimers.peekRank() <= nowMs) {
    const agent = state.drainTimers.peek()!;
    const next = nextToMove(state.realms.get(agent.tenantId)!, agent);
    if (next?.lease) {
      const run = { task_id: next.id, life: next.life, attempt: next.lease.attempt, agent_id: agent.id };
      return decided('task.move-requested', agent.tenantId, next.id, { ...run, reason: 'agent_draining' });
    }
    // It is given nothing new while it drains.
    state.drainTimers.delete(agent);
  }
  return null;
}

/** The oldest task of those that go on there: in which order they were leased a restored state does not know. */
function nextToMove({ tasks }: Realm, agent: Agent): Task | null {
  let next: Task | null = null;
  for (const id of agent.leases) {
    const task = tasks.get(id)!;
    if (!task.lease || task.lease.isMoving || task.cancel) continue;
    if (!next || task.order < next.order) next = task;
  }
  return next;
}

function leaseOver(state: TasksState, policy: TasksPolicy, nowMs: number): Decided<Own> | null {
  const { tookOverAtMs } = state.moment;
  if (tookOverAtMs === null) return null;
  while (state.leaseTimers.peekRank() <= nowMs) {
    const task = state.leaseTimers.peek()!;
    const lease = task.lease!;
    const atMs = leaseOverMs(lease, policy.leaseMarginMs, tookOverAtMs);
    if (atMs <= nowMs) return decideLeaseOver(task, lease, nowMs);
    state.leaseTimers.set(task, atMs, task.order);
  }
  return null;
}

function doomed(state: TasksState): Decided<Own> | null {
  const task = state.doomed.peek();
  return task ? unstarted(task, 'cancelled', 'agent_removed') : null;
}

function overdue(state: TasksState, nowMs: number): Decided<Own> | null {
  if (state.deadlines.peekRank() > nowMs) return null;
  const task = state.deadlines.peek()!;
  if (nowMs >= (task.spec.not_after_ms ?? Infinity)) return unstarted(task, 'expired', 'not_after_passed');
  return unstarted(task, 'delivery_timed_out', 'delivery_timeout');
}

function unstarted(
  task: Task,
  end: 'cancelled' | 'expired' | 'delivery_timed_out',
  reason: 'agent_removed' | 'not_after_passed' | 'delivery_timeout',
): Decided<Own> {
  return decided('task.ended', task.tenantId, task.id, {
    task_id: task.id,
    life: task.life,
    end,
    reason,
    attempts_used: task.attemptsUsed,
    ...(task.origin && { origin: task.origin }),
  });
}

function nextLease(state: TasksState, policy: TasksPolicy, nowMs: number): Decided<Own> | null {
  promote(state, nowMs);
  keepAgents(state, nowMs);
  while (state.held.peekRank() <= nowMs) syncOpen(state, state.held.peek()!);
  const weary: Realm[] = [];
  const lease = firstLease(state, policy, nowMs, weary);
  for (const realm of weary) syncOpen(state, realm);
  return lease;
}

/**
 * Of the tenant that is next. One whose queue takes too long to look through lets others pass and is gone on with in
 * the next pass: what it is like is its own doing, and must cost nobody else more than a moment.
 */
function firstLease(
  state: TasksState,
  policy: TasksPolicy,
  nowMs: number,
  weary: Realm[],
): Decided<Own> | null {
  for (let realm = state.open.peek(); realm; realm = state.open.peek()) {
    const hold = realmHold(realm, nowMs);
    if (hold) {
      setAside(state, realm, hold.untilMs);
      continue;
    }
    const looks = { left: policy.looksInARow };
    const choice = realm.queue.choose(looks);
    syncOpen(state, realm);
    if (!choice && looks.left <= 0) {
      state.open.delete(realm);
      weary.push(realm);
      continue;
    }
    if (!choice || !hasRoomToPrint(state, realm, choice.task, nowMs)) continue;
    const { task, agent, candidates } = choice;
    return decided('task.leased', task.tenantId, task.id, {
      task_id: task.id,
      life: task.life,
      attempt: task.attemptsUsed + 1,
      agent_id: agent.id,
      lease_ms: policy.leaseMs,
      decision: {
        waited_ms: clamp(nowMs - task.readyAtMs, 0, longestSpanMs),
        effective_priority: effectivePriority(task, policy.agingMs, nowMs),
        candidates,
        charged_ms: chargeMs(realm.share, policy.fairness),
        ...onTrial(realm, agent),
      },
    });
  }
  return null;
}

function onTrial({ breakers }: Realm, { id, labels }: Agent): { domain?: string; probe?: true } {
  const domain = breakers.domainOf(labels);
  const isProbe = breakers.room(id, labels) === 'probe';
  return { ...(domain !== null && { domain }), ...(isProbe && { probe: true as const }) };
}

function breakerDue(state: TasksState, nowMs: number): Decided<Own> | null {
  if (state.breakerTimers.peekRank() > nowMs) return null;
  const breaker = state.breakerTimers.peek()!;
  const { breakers } = state.realms.get(breaker.tenantId)!;
  return breakerStep(breaker, breakers.policyOf(breaker), nowMs);
}

/** Null: none was superseded, or all of them are on their way. */
function superseded(state: TasksState): Decided<Own> | null {
  const task = state.crowded.peek()?.concurrency.nextSuperseded();
  return task ? cancelTask(task, 'concurrency_superseded', null) : null;
}

function overload(state: TasksState): Decided<Own> | null {
  const watch = state.moment.overload;
  if (!watch) return null;
  const change = watch.partition.change(state.cluster.modes.overload.mode);
  if (change) return decided('cluster.mode-set', systemTenant, systemTenant, { ...change, by: 'overload' });
  const ofTenant = watch.tenants.change((id) => state.realms.get(id)?.tenant.overload.mode ?? null);
  if (!ofTenant) return null;
  return decided('tenant.overload-set', ofTenant.tenantId, ofTenant.tenantId, ofTenant.to);
}

/** What may print more than the hour has left holds the tenant until the next; what never fits is put aside. */
export function hasRoomToPrint(state: TasksState, realm: Realm, task: Task, nowMs: number): boolean {
  const { limits } = realm.tenant;
  if (hasOutputRoom(realm.output, limits, reservedBytes(task.spec), nowMs)) return true;
  if (taskHold(realm, task, nowMs)) setOversized(state, realm, task);
  else realm.outputHeldHourMs = hourOf(nowMs);
  return false;
}

/** The next time at which `plan` or `pulse` has something to do by the clock alone. Never too late. */
export function wakeAtMs(state: TasksState): number | null {
  const { moment } = state;
  const { outbox, asks, tookOverAtMs } = moment;
  if (outbox.length > 0 || state.doomed.size > 0 || state.open.size > 0 || state.crowded.size > 0) {
    return state.lastFactMs;
  }
  if (state.fanoutsDue.size > 0 || state.shaken.size > 0) return state.lastFactMs;
  if (overload(state)) return state.lastFactMs;
  let atMs = Math.min(
    state.deadlines.peekRank(),
    state.waiting.peekRank(),
    state.scheduleTimers.peekRank(),
    state.breakerTimers.peekRank(),
    state.brakeTimers.peekRank(),
    state.drainTimers.peekRank(),
    state.held.peekRank(),
    state.keepTimers.peekRank(),
    asks.peekRank(),
  );
  if (tookOverAtMs !== null) {
    // Timers set before the takeover lie in its past; nothing of theirs is due before it.
    atMs = Math.min(atMs, Math.max(tookOverAtMs, state.leaseTimers.peekRank()));
    atMs = Math.min(atMs, Math.max(tookOverAtMs, state.agentTimers.peekRank()));
  }
  return atMs === Infinity ? null : atMs;
}
