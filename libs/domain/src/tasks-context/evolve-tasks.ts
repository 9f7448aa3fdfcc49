import {
  type EventData,
  type Fact,
  type JournalEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { occupy, vacate } from '@fluxforge/domain/agent';
import { addMember, memberCancelled, memberOver, memberRejected } from '@fluxforge/domain/fanout';
import { reserve, reservedBytes, settle, spend } from '@fluxforge/domain/quotas';
import { chargeLease, gates, settleLease } from '@fluxforge/domain/scheduling';
import { countsAsSubmission, newTask, type EndedTask, type Lease, type Task } from '@fluxforge/domain/task';
import { addLive, removeLive } from '@fluxforge/domain/schedules';
import { learn } from './evolve-agents.js';
import { releaseFanouts, syncFanout } from './fanning.js';
import {
  breakerChanged,
  dequeue,
  enqueue,
  openGate,
  refreshAgent,
  syncCrowded,
  syncOpen,
  timeLease,
} from './placing.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** Folds of what becomes of tasks, and of the leases on them. */

type Own = TasksEventBody | JournalEventBody;

export function queued(
  state: TasksState,
  realm: Realm,
  data: EventData<'task.queued'>,
  timeMs: number,
): void {
  if (realm.tasks.has(data.task_id)) return;
  const kept = realm.specs.of(data.spec);
  const task = newTask(data, kept, realm.tenant.id, state.nextOrder++, timeMs);
  realm.tasks.set(task.id, task);
  realm.ended.delete(task.id);
  if (task.batch?.schedule_id !== undefined) addLive(realm.scheduling, task.batch.schedule_id, task.id);
  if (task.keyed) state.keys.add(task.tenantId, task.keyed, timeMs);
  if (countsAsSubmission(task.kind)) {
    realm.submissions = spend(realm.submissions, realm.tenant.limits, timeMs);
  }
  if (task.kind === 'fanout') {
    state.moment.firedInARow += 1;
    syncFanout(state, realm, addMember(realm.fanouts, data));
  }
  realm.concurrency.add(task);
  syncCrowded(state, realm);
  enqueue(state, realm, task);
}

type TaskFact = Fact<
  Extract<
    Own,
    {
      type:
        | 'task.leased'
        | 'task.started'
        | 'task.attempt-ended'
        | 'task.cancel-requested'
        | 'task.move-requested'
        | 'task.ended';
    }
  >
>;

export function evolveTask(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  fact: TaskFact,
): void {
  switch (fact.type) {
    case 'task.leased':
      return leased(state, policy, realm, task, fact);
    case 'task.started':
      // By the clock of the log, not the agent's: the owner measures with it.
      if (task.lease?.attempt === fact.data.attempt) task.lease.startedAtMs = fact.timeMs;
      return;
    case 'task.move-requested':
      if (task.lease?.attempt === fact.data.attempt) task.lease.isMoving = true;
      return;
    case 'task.cancel-requested':
      task.cancel = { reason: fact.data.reason, message: fact.data.message ?? null };
      realm.concurrency.cancelled(task);
      if (task.batch?.fanout_id !== undefined) {
        syncFanout(state, realm, memberCancelled(realm.fanouts, task.batch.fanout_id, task.id));
      }
      return syncCrowded(state, realm);
    case 'task.attempt-ended':
      return attemptEnded(state, policy, realm, task, fact);
    case 'task.ended':
      return ended(state, policy, realm, task, fact);
  }
}

function leased(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  fact: Fact<Extract<Own, { type: 'task.leased' }>>,
): void {
  if (task.lease) return;
  const { agent_id, attempt, lease_ms, decision } = fact.data;
  dequeue(state, realm, task);
  releaseFanouts(state, realm);
  task.attemptsUsed = attempt;
  task.isOrphaned = false;
  state.moment.firedInARow = 0;
  const weight = realm.tenant.limits.weight ?? 1;
  const charged = chargeLease(realm.share, weight, state.latestServedMs, policy.fairness);
  state.latestServedMs = charged.latestMs;
  task.lease = {
    agentId: agent_id,
    attempt,
    leasedAtMs: fact.timeMs,
    leaseMs: lease_ms,
    domain: decision.domain ?? null,
    estimateMs: charged.estimateMs,
    startedAtMs: null,
    isMoving: false,
    renewedAtMs: fact.timeMs,
    heldSinceMs: null,
  };
  realm.concurrency.leased(task);
  realm.output = reserve(realm.output, reservedBytes(task.spec), fact.timeMs);
  timeLease(state, policy, task);
  if (task.exclusive) realm.applies.set(agent_id, task.id);
  syncOpen(state, realm);
  const agent = realm.agents.get(agent_id);
  if (!agent) return;
  occupy(agent, task.id, task.spec.requests);
  refreshAgent(state, realm, agent);
  if (!decision.probe) return;
  const run = { taskId: task.id, life: task.life, attempt, agentId: agent_id, domain: task.lease.domain };
  for (const breaker of realm.breakers.startProbes(run)) breakerChanged(state, realm, breaker);
}

function attemptEnded(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  fact: Fact<Extract<Own, { type: 'task.attempt-ended' }>>,
): void {
  const { data } = fact;
  const lease = task.lease;
  if (lease?.attempt !== data.attempt) return;
  release(state, policy, realm, task, lease, fact);
  const reported = isReported(data);
  if (reported) task.reportedAttempt = data.attempt;
  if (data.reason === 'agent_draining') task.forgivenAttempts += 1;
  task.isOrphaned = data.outcome === 'lease_expired' && !reported;
  task.readyAtMs = data.retry_at_ms;
  // A lease that nobody took up was no delivery: the same wait goes on.
  if (reported || lease.startedAtMs !== null) task.deliverFromMs = data.retry_at_ms;
  enqueue(state, realm, task);
}

/** The owner's own findings are no reports: when the agent's report comes after all, it is news. */
function isReported(data: EventData<'task.attempt-ended'> | EventData<'task.ended'>): boolean {
  if (data.outcome === undefined || data.outcome === 'undelivered') return false;
  // An agent that stopped a run for want of a grant says when it ran; the owner cannot.
  return data.outcome !== 'lease_expired' || data.duration_ms !== undefined;
}

function release(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  lease: Lease,
  { data, timeMs }: Fact<Extract<Own, { type: 'task.attempt-ended' | 'task.ended' }>>,
): void {
  task.lease = null;
  const { concurrency } = task.spec;
  realm.concurrency.released(task);
  if (concurrency) realm.queue.openGate(gates.key(concurrency.key));
  realm.output = settle(realm.output, data, reservedBytes(task.spec), lease.leasedAtMs);
  realm.outputHeldHourMs = null;
  settleLease(realm.share, Math.max(0, timeMs - lease.leasedAtMs), lease.estimateMs, policy.fairness);
  state.leaseTimers.delete(task);
  if (data.outcome) learn(state, realm, task, lease, { ...data, outcome: data.outcome, timeMs });
  const agent = realm.agents.get(lease.agentId);
  if (agent && vacate(agent, task.id, task.spec.requests)) refreshAgent(state, realm, agent);
  else syncOpen(state, realm);
  unlockApplies(state, realm, task, lease);
}

function unlockApplies(state: TasksState, realm: Realm, task: Task, { agentId }: Lease): void {
  if (realm.applies.get(agentId) !== task.id) return;
  realm.applies.delete(agentId);
  openGate(state, realm, gates.lock(agentId));
}

function ended(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  fact: Fact<Extract<Own, { type: 'task.ended' }>>,
): void {
  const lease = task.lease;
  if (lease) release(state, policy, realm, task, lease, fact);
  else dequeue(state, realm, task);
  realm.tasks.delete(task.id);
  if (task.batch?.schedule_id !== undefined) removeLive(realm.scheduling, task.batch.schedule_id, task.id);
  realm.concurrency.remove(task);
  syncCrowded(state, realm);
  if (task.batch?.fanout_id !== undefined) {
    syncFanout(state, realm, memberOver(realm.fanouts, task.batch.fanout_id, fact.data));
  }
  releaseFanouts(state, realm);
  // A lease has ended with it: the running quota may have room.
  syncOpen(state, realm);
  const byReport = lease !== null && isReported(fact.data);
  remember(state, policy, realm, {
    id: task.id,
    tenantId: task.tenantId,
    life: task.life,
    end: fact.data.end,
    reason: fact.data.reason,
    endedAtMs: fact.timeMs,
    attemptsUsed: task.attemptsUsed,
    reportedAttempt: byReport ? lease.attempt : task.reportedAttempt,
  });
}

export function rejected(
  state: TasksState,
  policy: TasksPolicy,
  fact: Fact<Extract<Own, { type: 'task.rejected' }>>,
): void {
  const { task_id, life, keyed } = fact.data;
  if (keyed) state.keys.add(fact.tenantId, keyed, fact.timeMs);
  const realm = state.realms.get(fact.tenantId);
  if (realm) syncFanout(state, realm, memberRejected(realm.fanouts, fact.data));
  if (!realm || realm.tasks.has(task_id)) return;
  remember(state, policy, realm, {
    id: task_id,
    tenantId: fact.tenantId,
    life,
    end: 'rejected',
    reason: fact.data.reason,
    endedAtMs: fact.timeMs,
    attemptsUsed: 0,
    reportedAttempt: 0,
  });
}

function remember(state: TasksState, policy: TasksPolicy, realm: Realm, task: EndedTask): void {
  realm.ended.set(task.id, task);
  state.endedInOrder.push(task);
  forgetOld(state, policy);
}

/** Bounded by number and by age, both by facts alone, so that every fold of the log remembers the same. */
function forgetOld(state: TasksState, policy: TasksPolicy): void {
  for (let oldest = state.endedInOrder.peek(); oldest; oldest = state.endedInOrder.peek()) {
    const over = oldest.endedAtMs + policy.endedKeptMs < state.lastFactMs;
    if (!over && state.endedInOrder.size <= policy.endedKept) return;
    state.endedInOrder.shift();
    const ended = state.realms.get(oldest.tenantId)?.ended;
    if (ended?.get(oldest.id) === oldest) ended.delete(oldest.id);
  }
}
