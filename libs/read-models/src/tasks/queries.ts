import { type Condition } from '../queries/common.js';
import { type Database } from '../queries/database.js';
import { whereLabels } from '../queries/label-selector.js';
import { pageOf } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { AttemptEntity, TaskEntity } from './entity.js';
import { type TaskRow } from './row.js';

/** A task has at most 100 attempts in a life. */
const maxAttempts = 100;

export function taskQueries(database: Database): ReadModels['tasks'] {
  return {
    get: (tenantId, taskId) =>
      database.run(async (source) => {
        const found = await source.getRepository(TaskEntity).findOneBy({ tenant_id: tenantId, id: taskId });
        return found && taskRow(found);
      }),

    list: (tenantId, filter = {}) =>
      database.run((source) => {
        const query = source
          .createQueryBuilder(TaskEntity, 't')
          .where('t.tenant_id = :tenantId', { tenantId });
        for (const column of [
          'phase',
          'end',
          'kind',
          'agent_id',
          'state_id',
          'schedule_id',
          'fanout_id',
        ] as const) {
          if (filter[column] !== undefined)
            query.andWhere(`t.${column} = :${column}`, { [column]: filter[column] });
        }
        whereLabels(query, filter.labels);
        const ordering = { list: 'tasks', columns: ['created_at', 'id'] as const, descending: true };
        return pageOf(query, ordering, filter, taskRow);
      }),

    attempts: (tenantId, taskId, life) =>
      database.run(async (source) => {
        const query = source
          .createQueryBuilder(AttemptEntity, 't')
          .where('t.tenant_id = :tenantId AND t.task_id = :taskId', { tenantId, taskId });
        if (life === undefined) {
          query.innerJoin(
            TaskEntity,
            'k',
            'k.tenant_id = t.tenant_id AND k.id = t.task_id AND k.generation = t.life',
          );
        } else {
          query.andWhere('t.life = :life', { life });
        }
        const found = await query.orderBy('t.attempt').limit(maxAttempts).getMany();
        return found.map(({ tenant_id: _tenant, ...attempt }) => attempt);
      }),
  };
}

function taskRow(task: TaskEntity): TaskRow {
  return {
    ...task.spec,
    id: task.id,
    name: task.name,
    labels: task.labels,
    generation: task.generation,
    resource_version: task.resource_version,
    created_at: task.created_at,
    updated_at: task.updated_at,
    kind: task.kind,
    origin: task.origin,
    schedule_id: task.schedule_id,
    fanout_id: task.fanout_id,
    status: {
      phase: task.phase,
      end: task.end,
      reason: task.reason,
      message: task.message,
      attempt: task.attempt,
      attempts_used: task.attempts_used,
      agent_id: task.agent_id,
      cancel_requested: task.cancel_requested,
      outcome: task.outcome,
      exit_code: task.exit_code,
      signal: task.signal,
      queued_at: task.created_at,
      leased_at: task.leased_at,
      started_at: task.started_at,
      ended_at: task.ended_at,
      retry_at: task.retry_at,
      duration_ms: task.duration_ms,
      output: task.output,
      conditions: conditionsOf(task),
    },
  };
}

function conditionsOf(task: TaskEntity): Condition[] {
  const ended = task.end !== null;
  const base = {
    reason: ended ? task.reason : '',
    message: '',
    last_transition_at: task.ended_at ?? task.created_at,
    observed_generation: task.generation,
  };
  return [
    { type: 'ended', status: ended ? 'true' : 'false', ...base },
    { type: 'succeeded', status: !ended ? 'unknown' : task.end === 'succeeded' ? 'true' : 'false', ...base },
  ];
}
