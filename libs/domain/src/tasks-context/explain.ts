import { type ReasonCode } from '@fluxforge/events/catalogue';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { closedGate, effectivePriority, laneOf, rankOf } from '@fluxforge/domain/scheduling';
import { deadlineMs, type Task } from '@fluxforge/domain/task';
import { surveyAgents } from './candidates.js';
import { tasksNamed, type Explanation, type Queued } from './explanation.js';
import { gateRulesOf, realmHold, taskHold } from './holds.js';
import { type TasksPolicy } from './policy.js';
import { remediesFor, type Held, type Line } from './remedies.js';
import { type Realm, type TasksState } from './state.js';

/** Why a task is where it is: the questions of the scheduler, in the order in which it asks them. */
export function explainTask(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
  taskId: string,
  nowMs: number,
): Explanation {
  const realm = state.realms.get(tenantId);
  const task = realm?.tasks.get(taskId);
  if (!realm || !task) {
    const ended = realm?.ended.get(taskId);
    if (!ended) return { phase: 'unknown' };
    const { end, reason, endedAtMs, attemptsUsed } = ended;
    return { phase: 'ended', end, reason, endedAtMs, attemptsUsed };
  }
  if (!task.lease) return explainQueued(state, policy, realm, task, nowMs);
  const { agentId, attempt, leasedAtMs, startedAtMs, isMoving: moveRequested } = task.lease;
  const cancelRequested = task.cancel !== null;
  return { phase: 'leased', agentId, attempt, leasedAtMs, startedAtMs, cancelRequested, moveRequested };
}

function explainQueued(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  nowMs: number,
): Queued {
  const survey = surveyAgents(realm, task);
  const isReady = task.readyAtMs <= nowMs && !state.doomed.has(task);
  const lineAt = (atMs: number): Line => ({
    ahead: tasksAhead(realm, policy, task, atMs),
    ready: () => readyTasks(realm, atMs),
  });
  const line = isReady ? lineAt(nowMs) : { ahead: [], ready: () => readyTasks(realm, nowMs) };
  const held =
    waits(state, task, nowMs) ?? holdOf(realm, policy, task, nowMs) ?? plain(survey.nearest ?? 'turn');
  const deadline = deadlineMs(task);
  const { known, byReason, agents } = survey;
  const { scopes: _, heldBy, ...shown } = held;
  return {
    phase: 'queued',
    ...shown,
    heldBy: heldBy.slice(0, tasksNamed),
    heldByMore: Math.max(0, heldBy.length - tasksNamed),
    position: isReady ? line.ahead.length + 1 : null,
    effectivePriority: effectivePriority(task, policy.agingMs, nowMs),
    weight: weightOf(realm),
    weights: sumOfWeights(state),
    endsUnstartedAtMs: deadline === Infinity ? null : deadline,
    candidates: { known, byReason, agents },
    remedies: remediesFor(held, task, survey, { ...line, at: lineAt }),
  };
}

/** The rule alone, in the same order of questions: without those who hold the task back. `nearestOf` surveys the agents. */
export function ruleOf(
  state: TasksState,
  realm: Realm,
  task: Task,
  nowMs: number,
  nearestOf: (task: Task) => ReasonCode | null,
): ReasonCode {
  const held =
    waits(state, task, nowMs)?.rule ?? (realmHold(realm, nowMs) ?? taskHold(realm, task, nowMs))?.reason;
  return held ?? closedGate(gateRulesOf(realm), laneOf(task))?.reason ?? nearestOf(task) ?? 'turn';
}

function plain(rule: ReasonCode, over: Partial<Held> = {}): Held {
  return { rule, untilMs: null, used: null, limit: null, limitName: null, heldBy: [], scopes: [], ...over };
}

function waits(state: TasksState, task: Task, nowMs: number): Held | null {
  if (state.doomed.has(task)) return plain('agent_removed');
  if (task.readyAtMs <= nowMs) return null;
  return plain(task.attemptsUsed > 0 ? 'backoff' : 'not_before', { untilMs: task.readyAtMs });
}

/** What holds the whole tenant, or the tasks of this one's kind. */
function holdOf(realm: Realm, policy: TasksPolicy, task: Task, nowMs: number): Held | null {
  const hold = realmHold(realm, nowMs) ?? taskHold(realm, task, nowMs);
  if (hold) {
    const { reason, untilMs, used = null, limit = null, limitName = null, scopes = [] } = hold;
    return plain(reason, { untilMs, used, limit, limitName, scopes });
  }
  const closed = closedGate(gateRulesOf(realm), laneOf(task));
  if (!closed) return null;
  const untilMs = closed.reason === 'mass_loss_brake' ? realm.brake.untilMs : null;
  return plain(closed.reason, { untilMs, heldBy: holdersOf(realm, policy, task, closed.reason, nowMs) });
}

/** Who has what this task waits for, and who may have it first: what is behind it as well, where this one fits nowhere. */
function holdersOf(
  realm: Realm,
  policy: TasksPolicy,
  task: Task,
  reason: ReasonCode,
  nowMs: number,
): string[] {
  const rivals = rivalsOf(task, reason);
  if (!rivals) return [];
  const all = [...realm.tasks.values()].filter((one) => one !== task && rivals(one));
  const waiting = all.filter((one) => !one.lease && one.readyAtMs <= nowMs);
  const rank = (one: Task): number => rankOf(one, policy.agingMs);
  waiting.sort((a, b) => rank(a) - rank(b) || a.order - b.order);
  return [...all.filter(({ lease }) => lease), ...waiting].map(({ id }) => id);
}

function rivalsOf(task: Task, reason: ReasonCode): ((other: Task) => boolean) | null {
  if (reason === 'concurrency_key') {
    const key = task.spec.concurrency?.key;
    return ({ spec }) => spec.concurrency?.key === key;
  }
  if (reason !== 'lock_held') return null;
  const agentId = task.spec.agent_id;
  return ({ exclusive, lease, spec }) => exclusive && (lease?.agentId ?? spec.agent_id) === agentId;
}

function readyTasks(realm: Realm, nowMs: number): Task[] {
  return [...realm.tasks.values()].filter((one) => !one.lease && one.readyAtMs <= nowMs);
}

/** Keys that take turns share the place of their most urgent task: any of theirs may come before any other. */
function tasksAhead(realm: Realm, policy: TasksPolicy, task: Task, nowMs: number): Task[] {
  const ready = readyTasks(realm, nowMs);
  const first = ready
    .filter(({ spec }) => takesTurns(spec.concurrency))
    .reduce((min, one) => Math.min(min, rankOf(one, policy.agingMs)), Infinity);
  const placeOf = (one: Task): number =>
    takesTurns(one.spec.concurrency) ? first : rankOf(one, policy.agingMs);
  const place = placeOf(task);
  return ready.filter((one) => {
    if (one === task) return false;
    const itsPlace = placeOf(one);
    const isLevel = itsPlace === place;
    return itsPlace < place || (isLevel && (takesTurns(one.spec.concurrency) || one.order < task.order));
  });
}

function weightOf(realm: Realm): number {
  return realm.tenant.limits.weight ?? 1;
}

function sumOfWeights(state: TasksState): number {
  let sum = 0;
  for (const realm of state.realms.values()) if (realm.queuedTasks > 0) sum += weightOf(realm);
  return sum;
}
