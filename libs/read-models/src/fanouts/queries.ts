import { type DataSource } from 'typeorm';
import { type Page } from '../queries/common.js';
import { type Database } from '../queries/database.js';
import { decodeCursor, encodeCursor, pageOf, pageSize } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { TaskEntity } from '../tasks/entity.js';
import { FanoutEntity } from './entity.js';
import { type FanoutMemberRow, type FanoutRow } from './row.js';

export function fanoutQueries(database: Database): ReadModels['fanouts'] {
  return {
    get: (tenantId, id) =>
      database.run(async (source) => {
        const found = await find(source, tenantId, id);
        return found && fanoutRow(found);
      }),

    list: (tenantId, filter = {}) =>
      database.run((source) => {
        const query = source
          .createQueryBuilder(FanoutEntity, 't')
          .where('t.tenant_id = :tenantId', { tenantId });
        if (filter.phase !== undefined) query.andWhere('t.phase = :phase', { phase: filter.phase });
        const ordering = { list: 'fanouts', columns: ['created_at', 'id'] as const, descending: true };
        return pageOf(query, ordering, filter, fanoutRow);
      }),

    members: (tenantId, id, taskIdOf, request = {}) =>
      database.run(async (source) => {
        const fanout = await find(source, tenantId, id);
        if (!fanout) return null;
        const limit = pageSize(request.limit);
        const from = request.cursor ? Number(decodeCursor('members', request.cursor, ['number'])[0]) : 0;
        const places = fanout.members.slice(from, from + limit).map((_, i) => from + i);
        const tasks = await tasksOf(source, tenantId, places.map(taskIdOf));
        const items = places.map((place) => memberRow(fanout, place, taskIdOf(place), tasks));
        const next = from + places.length;
        const next_cursor = next < fanout.members.length ? encodeCursor('members', [next]) : null;
        return { items, next_cursor } satisfies Page<FanoutMemberRow>;
      }),
  };
}

function find(source: DataSource, tenantId: string, id: string): Promise<FanoutEntity | null> {
  return source.getRepository(FanoutEntity).findOneBy({ tenant_id: tenantId, id });
}

type TaskOf = Pick<TaskEntity, 'id' | 'phase' | 'end'>;

async function tasksOf(
  source: DataSource,
  tenantId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, TaskOf>> {
  if (ids.length === 0) return new Map();
  const found = await source
    .createQueryBuilder(TaskEntity, 't')
    .select(['t.tenant_id', 't.id', 't.phase', 't.end'])
    .where('t.tenant_id = :tenantId AND t.id = ANY(:ids)', { tenantId, ids })
    .getMany();
  return new Map(found.map((task) => [task.id, task]));
}

function memberRow(
  fanout: FanoutEntity,
  place: number,
  task_id: string,
  tasks: ReadonlyMap<string, TaskOf>,
): FanoutMemberRow {
  const agent_id = fanout.members[place] ?? '';
  const task = tasks.get(task_id);
  const failed = fanout.unsuccessful.find((one) => one.agent_id === agent_id)?.end;
  const end = fanout.phase === 'ended' ? (failed ?? 'succeeded') : null;
  return { agent_id, task_id, phase: task?.phase ?? null, task_end: task?.end ?? null, end };
}

function fanoutRow(fanout: FanoutEntity): FanoutRow {
  const { id, resource_version, created_at, updated_at, spec, retry_of, counts } = fanout;
  const { phase, reason, message, members, ended_at } = fanout;
  const none = { succeeded: null, failed: null, not_started: null, unknown: null };
  return {
    id,
    resource_version,
    created_at,
    updated_at,
    spec,
    retry_of,
    status: { phase, reason, message, members: members.length, ...(counts ?? none), ended_at },
  };
}
