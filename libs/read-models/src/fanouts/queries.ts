import { type FanoutMemberEnd } from '@fluxforge/events/catalogue';
import { type DataSource, type SelectQueryBuilder } from 'typeorm';
import { type Page } from '../queries/common.js';
import { type Database } from '../queries/database.js';
import { decodeCursor, encodeCursor, pageOf, pageSize } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { TaskEntity } from '../tasks/entity.js';
import { FanoutEntity } from './entity.js';
import { FanoutProgressEntity } from './progress-entity.js';
import { type FanoutMemberRow, type FanoutRow } from './row.js';

export function fanoutQueries(database: Database): ReadModels['fanouts'] {
  return {
    get: (tenantId, id) =>
      database.run(async (source) => {
        const query = withoutMembers(source, tenantId).andWhere('t.id = :id', { id });
        const found = await query.getOne();
        return found && fanoutRow(found);
      }),

    list: (tenantId, filter = {}) =>
      database.run((source) => {
        const query = withoutMembers(source, tenantId);
        if (filter.phase !== undefined) query.andWhere('t.phase = :phase', { phase: filter.phase });
        const ordering = { list: 'fanouts', columns: ['created_at', 'id'] as const, descending: true };
        return pageOf(query, ordering, filter, fanoutRow);
      }),

    members: (tenantId, id, taskIdOf, request = {}) =>
      database.run(async (source) => {
        const found = source.getRepository(FanoutEntity);
        const fanout = await found.findOneBy({ tenant_id: tenantId, id });
        if (!fanout) return null;
        const ends = new Map(fanout.unsuccessful.map(({ agent_id, end }) => [agent_id, end]));
        const limit = pageSize(request.limit);
        const from = request.cursor ? Number(decodeCursor('members', request.cursor, ['number'])[0]) : 0;
        const places = fanout.members.slice(from, from + limit).map((_, i) => from + i);
        const tasks = await tasksOf(source, tenantId, places.map(taskIdOf));
        const items = places.map((place): FanoutMemberRow => {
          const [agent_id, task_id] = [fanout.members[place]!, taskIdOf(place)];
          const { phase = null, end: task_end = null } = tasks.get(task_id) ?? {};
          return { agent_id, task_id, phase, task_end, end: memberEnd(fanout, ends, agent_id) };
        });
        const next = from + places.length;
        const next_cursor = next < fanout.members.length ? encodeCursor('members', [next]) : null;
        return { items, next_cursor } satisfies Page<FanoutMemberRow>;
      }),
  };
}

/** There may be thousands of members, and only their list shows them. */
const shown = [
  'id',
  'resource_version',
  'created_at',
  'updated_at',
  'spec',
  'retry_of',
  'phase',
  'reason',
  'message',
  'size',
  'counts',
  'ended_at',
] as const satisfies (keyof FanoutEntity)[];

type Shown = Pick<FanoutEntity, (typeof shown)[number]> & { readonly progress?: FanoutProgressEntity | null };

function withoutMembers(source: DataSource, tenantId: string): SelectQueryBuilder<FanoutEntity> {
  return source
    .createQueryBuilder(FanoutEntity, 't')
    .select(['t.tenant_id', ...shown.map((column) => `t.${column}`)])
    .leftJoinAndMapOne(
      't.progress',
      FanoutProgressEntity,
      'p',
      'p.tenant_id = t.tenant_id AND p.fanout_id = t.id',
    )
    .where('t.tenant_id = :tenantId', { tenantId });
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

function memberEnd(
  { phase }: FanoutEntity,
  ends: ReadonlyMap<string, FanoutMemberEnd>,
  agentId: string,
): FanoutMemberEnd | null {
  return phase === 'ended' ? (ends.get(agentId) ?? 'succeeded') : null;
}

function fanoutRow(fanout: Shown): FanoutRow {
  const { id, resource_version, created_at, updated_at, spec, retry_of } = fanout;
  const { phase, reason, message, size, ended_at } = fanout;
  return {
    id,
    resource_version,
    created_at,
    updated_at,
    spec,
    retry_of,
    status: { phase, reason, message, members: size, ...countsOf(fanout), ended_at },
  };
}

const notCounted = {
  queued: null,
  running: null,
  succeeded: null,
  failed: null,
  not_started: null,
  unknown: null,
} as const;

function countsOf({ counts, progress }: Shown) {
  if (counts) return { queued: 0, running: 0, ...counts };
  if (!progress) return notCounted;
  const { queued, running, succeeded, failed, not_started, unknown } = progress;
  return { queued, running, succeeded, failed, not_started, unknown };
}
