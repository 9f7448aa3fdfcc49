import { type FactOf, isoOf, isoOrNull, type ProjectedEvent } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { type AttemptEntity, type TaskEntity } from './entity.js';

type TaskFact = Extract<ProjectedEvent['fact'], { data: { task_id: string; life: number } }>;
type RunResult = FactOf<'task.attempt-ended'>['data'] | FactOf<'task.ended'>['data'];

export const tasksView: View = {
  want({ fact }, rows) {
    if (!isTaskFact(fact) || fact.type === 'task.report-ignored') return;
    rows.tasks.want(fact.tenantId, fact.data.task_id);
    const attempt = attemptOf(fact);
    if (attempt !== null) rows.attempts.want(fact.tenantId, fact.data.task_id, fact.data.life, attempt);
  },

  fold({ fact, time }, rows) {
    if (!isTaskFact(fact)) return;
    if (fact.type === 'task.queued' || fact.type === 'task.rejected') return opened(fact, time, rows);
    const task = rows.tasks.get(fact.tenantId, fact.data.task_id);
    // Of another life: what it says is no longer about the task that the row shows.
    if (!task || task.generation !== fact.data.life) return;
    const change = changeOf(fact, time);
    if (change === null) return;
    change.resource_version = task.resource_version + 1;
    change.updated_at = time;
    rows.tasks.patch([fact.tenantId, task.id], change);
    foldAttempt(fact, time, rows);
  },
};

function isTaskFact(fact: ProjectedEvent['fact']): fact is TaskFact {
  return fact.type.startsWith('task.');
}

function attemptOf(fact: TaskFact): number | null {
  return 'attempt' in fact.data ? (fact.data.attempt ?? null) : null;
}

/** A task's id is opened: for the first time, or anew after the window of its idempotency key. */
function opened(fact: FactOf<'task.queued'> | FactOf<'task.rejected'>, time: string, rows: ViewRows): void {
  const { task_id, life, kind, origin } = fact.data;
  const batch = fact.type === 'task.queued' ? fact.data.batch : undefined;
  const before = rows.tasks.get(fact.tenantId, task_id);
  if (before && before.generation >= life) return;
  const spec = fact.type === 'task.queued' ? fact.data.spec : null;
  rows.tasks.put({
    tenant_id: fact.tenantId,
    id: task_id,
    name: spec?.name ?? task_id,
    labels: spec?.labels ?? {},
    generation: life,
    resource_version: (before?.resource_version ?? 0) + 1,
    created_at: time,
    updated_at: time,
    kind,
    spec,
    origin: origin ?? null,
    state_id: origin?.state_id ?? null,
    schedule_id: batch?.schedule_id ?? null,
    fanout_id: batch?.fanout_id ?? null,
    ...untouched,
    ...(fact.type === 'task.rejected'
      ? {
          phase: 'ended',
          end: 'rejected',
          reason: fact.data.reason,
          message: fact.data.message,
          ended_at: time,
        }
      : {}),
  });
}

const untouched = {
  phase: 'queued',
  end: null,
  reason: '',
  message: '',
  attempt: 0,
  attempts_used: 0,
  agent_id: null,
  cancel_requested: false,
  outcome: null,
  exit_code: null,
  signal: null,
  leased_at: null,
  started_at: null,
  ended_at: null,
  retry_at: null,
  duration_ms: null,
  output: null,
} as const satisfies Partial<TaskEntity>;

function changeOf(fact: TaskFact, time: string): Partial<TaskEntity> | null {
  switch (fact.type) {
    case 'task.leased':
      return {
        ...noResult,
        phase: 'leased',
        reason: '',
        message: '',
        attempt: fact.data.attempt,
        agent_id: fact.data.agent_id,
        leased_at: time,
        started_at: null,
        retry_at: null,
      };
    case 'task.started':
      return { phase: 'running', started_at: isoOrNull(fact.data.started_at_ms) ?? time };
    case 'task.attempt-ended':
      return {
        ...resultOf(fact.data),
        phase: 'queued',
        reason: fact.data.reason,
        attempts_used: fact.data.attempt,
        retry_at: isoOrNull(fact.data.retry_at_ms),
      };
    case 'task.move-requested':
      return { reason: fact.data.reason };
    case 'task.cancel-requested':
      return { cancel_requested: true, reason: fact.data.reason, message: fact.data.message ?? '' };
    case 'task.ended':
      return {
        ...(fact.data.attempt === undefined ? {} : resultOf(fact.data)),
        phase: 'ended',
        end: fact.data.end,
        reason: fact.data.reason,
        attempts_used: fact.data.attempts_used,
        ended_at: time,
        retry_at: null,
      };
    // A report that moved nothing moves nothing here either; it is in the events of the task.
    case 'task.report-ignored':
    case 'task.queued':
    case 'task.rejected':
      return null;
  }
}

const noResult = { outcome: null, exit_code: null, signal: null, duration_ms: null, output: null } as const;

function resultOf(data: RunResult) {
  return {
    outcome: data.outcome ?? null,
    exit_code: data.exit_code ?? null,
    signal: data.signal ?? null,
    duration_ms: data.duration_ms ?? null,
    output: data.output ?? null,
    message: data.message ?? '',
    ...(data.started_at_ms === undefined ? {} : { started_at: isoOrNull(data.started_at_ms) }),
  };
}

function foldAttempt(fact: TaskFact, time: string, rows: ViewRows): void {
  if (fact.type === 'task.leased') return rows.attempts.put(leasedAttempt(fact, isoOf(fact.timeMs)));
  const attempt = attemptOf(fact);
  if (attempt === null) return;
  const key = [fact.tenantId, fact.data.task_id, fact.data.life, attempt];
  if (fact.type === 'task.started') {
    rows.attempts.patch(key, {
      phase: 'running',
      started_at: isoOrNull(fact.data.started_at_ms) ?? time,
    });
  } else if (fact.type === 'task.attempt-ended' || fact.type === 'task.ended') {
    rows.attempts.patch(key, {
      ...resultOf(fact.data),
      phase: 'ended',
      reason: fact.data.reason,
      ended_at: time,
    });
  }
}

function leasedAttempt(fact: FactOf<'task.leased'>, time: string): AttemptEntity {
  const { task_id, life, attempt, agent_id, decision } = fact.data;
  return {
    tenant_id: fact.tenantId,
    task_id,
    life,
    attempt,
    agent_id,
    phase: 'leased',
    ...noResult,
    reason: '',
    message: '',
    leased_at: time,
    started_at: null,
    ended_at: null,
    decision,
  };
}
