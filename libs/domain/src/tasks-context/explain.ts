import { type ReasonCode } from '@fluxforge/events/catalogue';
import { effectivePriority, roomAtMs } from '@fluxforge/domain/scheduling';
import { deadlineMs, type Task } from '@fluxforge/domain/task';
import { surveyAgents } from './candidates.js';
import { type Explanation, type Queued } from './explanation.js';
import { holdOf } from './holds.js';
import { lineOf, type Line } from './line.js';
import { NamedTasks } from './named-tasks.js';
import { type TasksPolicy } from './policy.js';
import { remediesFor } from './remedies.js';
import { type Realm, type TasksState } from './state.js';

/**
 * Why a task is where it is: the questions of the scheduler, in the order in which it asks them. In steps, between which
 * the state may move on: the line is counted meanwhile, each task as it is when it is looked at; all else is told as it
 * is at the end.
 */
export function* explain(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
  taskId: string,
  nowMs: number,
): Generator<void, Explanation> {
  for (;;) {
    const realm = state.realms.get(tenantId);
    const task = realm?.tasks.get(taskId);
    if (!realm || !task) return explainGone(realm, taskId);
    if (task.lease) return explainLeased(task, task.lease);
    const fromMs = Math.max(nowMs, state.lastFactMs);
    const { readyAtMs } = task;
    const line = isInLine(state, task, fromMs) ? yield* lineOf(realm, policy, task, fromMs) : null;
    const untilMs = Math.max(fromMs, state.lastFactMs);
    // Else it was leased or has ended meanwhile, or stands elsewhere by now.
    const stands = realm.tasks.get(taskId) === task && !task.lease && task.readyAtMs === readyAtMs;
    if (stands && isInLine(state, task, untilMs) === (line !== null)) {
      return explainQueued(state, policy, realm, task, line, untilMs);
    }
  }
}

/** What is not is held back by nothing in the line. */
function isInLine(state: TasksState, task: Task, nowMs: number): boolean {
  return task.readyAtMs <= nowMs && !state.doomed.has(task);
}

function explainGone(realm: Realm | undefined, taskId: string): Explanation {
  const ended = realm?.ended.get(taskId);
  if (!ended) return { phase: 'unknown' };
  const { end, reason, endedAtMs, attemptsUsed } = ended;
  return { phase: 'ended', end, reason, endedAtMs, attemptsUsed };
}

function explainLeased(task: Task, lease: NonNullable<Task['lease']>): Explanation {
  const { agentId, attempt, leasedAtMs, startedAtMs, isMoving: moveRequested } = lease;
  const cancelRequested = task.cancel !== null;
  return { phase: 'leased', agentId, attempt, leasedAtMs, startedAtMs, cancelRequested, moveRequested };
}

function explainQueued(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  task: Task,
  line: Line | null,
  nowMs: number,
): Queued {
  const survey = surveyAgents(realm, task);
  const hold = holdOf(state, realm, task, nowMs) ?? { reason: survey.nearest ?? 'turn', untilMs: null };
  const { reason: rule, untilMs, used = null, limit = null, limitName = null } = hold;
  const heldBy = holders(rule, line);
  const deadline = deadlineMs(task);
  const { known, byReason, agents } = survey;
  return {
    phase: 'queued',
    rule,
    untilMs,
    used,
    limit,
    limitName,
    heldBy: heldBy.ids,
    heldByMore: heldBy.more,
    position: line && line.ahead.tasks.count + 1,
    effectivePriority: effectivePriority(task, policy.agingMs, nowMs),
    weight: weightOf(realm),
    weights: sumOfWeights(state),
    endsUnstartedAtMs: deadline === Infinity ? null : deadline,
    asks: task.spec,
    candidates: { known, byReason, agents },
    kept: keptFor(realm, task, nowMs),
    remedies: remediesFor(hold, line && { realm, task, survey, line, heldBy }),
  };
}

function keptFor({ agents, tasks }: Realm, { id, spec }: Task, nowMs: number): Queued['kept'] {
  for (const agent of agents.values()) {
    if (agent.keptFor !== id) continue;
    const atMs = roomAtMs(agent, spec.requests, tasks, nowMs);
    return { agentId: agent.id, roomAtMs: atMs === Infinity ? null : atMs };
  }
  return null;
}

/** The rule alone, without a look along the line. `nearestOf` surveys the agents. */
export function ruleOf(
  state: TasksState,
  realm: Realm,
  task: Task,
  nowMs: number,
  nearestOf: (task: Task) => ReasonCode | null,
): ReasonCode {
  return holdOf(state, realm, task, nowMs)?.reason ?? nearestOf(task) ?? 'turn';
}

function holders(rule: ReasonCode, line: Line | null): NamedTasks {
  if (rule === 'concurrency_key' && line) return line.ofKey.named;
  return rule === 'lock_held' && line ? line.ofLock.named : new NamedTasks();
}

function weightOf(realm: Realm): number {
  return realm.tenant.limits.weight ?? 1;
}

function sumOfWeights(state: TasksState): number {
  let sum = 0;
  for (const realm of state.busy) sum += weightOf(realm);
  return sum;
}
