import { type Database } from '../queries/database.js';
import { pageOf } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { ScheduleEntity } from './entity.js';
import { type ScheduleRow } from './row.js';

export function scheduleQueries(database: Database): ReadModels['schedules'] {
  return {
    get: (tenantId, id) =>
      database.run(async (source) => {
        const found = await source.getRepository(ScheduleEntity).findOneBy({ tenant_id: tenantId, id });
        return found && scheduleRow(found);
      }),

    list: (tenantId, filter = {}) =>
      database.run((source) => {
        const query = source
          .createQueryBuilder(ScheduleEntity, 't')
          .where('t.tenant_id = :tenantId', { tenantId });
        if (filter.name !== undefined) query.andWhere('t.name = :name', { name: filter.name });
        return pageOf(query, { list: 'schedules', columns: ['created_at', 'id'] }, filter, scheduleRow);
      }),
  };
}

function scheduleRow({ tenant_id: _, ...schedule }: ScheduleEntity): ScheduleRow {
  const { id, name, generation, resource_version, created_at, updated_at, spec, ...status } = schedule;
  return { id, name, generation, resource_version, created_at, updated_at, spec, status };
}
