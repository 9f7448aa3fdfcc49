import { type DataSource, type SelectQueryBuilder } from 'typeorm';
import { type Page } from '../queries/common.js';
import { type Database } from '../queries/database.js';
import { pageOf } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { EventEntity } from './entity.js';
import { type EventFilter, type EventRow } from './row.js';

const columnOf = { task: 'task_id', state: 'state_id', agent: 'agent_id' } as const;

export function eventQueries(database: Database): ReadModels['events'] {
  return {
    ofEntity: (tenantId, entity, filter = {}) =>
      database.run((source) => {
        const query = ofTenant(source, tenantId);
        query.andWhere(`t.${columnOf[entity.kind]} = :entityId`, { entityId: entity.id });
        return filtered(query, filter);
      }),

    list: (tenantId, filter = {}) => database.run((source) => filtered(ofTenant(source, tenantId), filter)),
  };
}

function ofTenant(source: DataSource, tenantId: string): SelectQueryBuilder<EventEntity> {
  return source.createQueryBuilder(EventEntity, 't').where('t.tenant_id = :tenantId', { tenantId });
}

function filtered(query: SelectQueryBuilder<EventEntity>, filter: EventFilter): Promise<Page<EventRow>> {
  if (filter.type !== undefined) query.andWhere('t.type = :type', { type: filter.type });
  if (filter.correlation_id !== undefined) {
    query.andWhere('t.correlation_id = :correlationId', { correlationId: filter.correlation_id });
  }
  if (filter.since !== undefined) query.andWhere('t.time >= :since', { since: filter.since });
  if (filter.until !== undefined) query.andWhere('t.time < :until', { until: filter.until });
  const ordering = {
    list: filter.descending ? 'events-desc' : 'events',
    // A tenant has one partition number, so context and offset are enough beside the time.
    columns: ['time', 'context', 'offset'] as const,
    descending: filter.descending ?? false,
  };
  return pageOf(query, ordering, filter, eventRow);
}

/** They open nothing by themselves, but a reader of history has no use for them. */
const secretHashes = ['key_hash', 'token_hash', 'credential_hash'];

function eventRow(event: EventEntity): EventRow {
  const { tenant_id: _tenant, ...row } = event;
  const data = Object.fromEntries(
    Object.entries(event.data).filter(([name]) => !secretHashes.includes(name)),
  );
  return { ...row, data };
}
