import { type Database } from '../queries/database.js';
import { whereLabels } from '../queries/label-selector.js';
import { pageOf } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { targetsOf } from '../targets/queries.js';
import { totalOf } from './conditions.js';
import { StateEntity } from './entity.js';
import { type StateRow } from './row.js';

export function stateQueries(database: Database): ReadModels['states'] {
  return {
    get: (tenantId, stateId) =>
      database.run(async (source) => {
        const found = await source.getRepository(StateEntity).findOneBy({ tenant_id: tenantId, id: stateId });
        return found && stateRow(found);
      }),

    list: (tenantId, filter = {}) =>
      database.run((source) => {
        const query = source
          .createQueryBuilder(StateEntity, 't')
          .where('t.tenant_id = :tenantId', { tenantId });
        if (filter.name !== undefined) query.andWhere('t.name = :name', { name: filter.name });
        whereLabels(query, filter.labels);
        return pageOf(query, { list: 'states', columns: ['created_at', 'id'] }, filter, stateRow);
      }),

    targets: (tenantId, stateId, filter = {}) =>
      database.run(async (source) => {
        const state = await source.getRepository(StateEntity).findOneBy({ tenant_id: tenantId, id: stateId });
        if (!state) return { items: [], next_cursor: null };
        return targetsOf(source, state, filter);
      }),
  };
}

function stateRow(state: StateEntity): StateRow {
  return {
    id: state.id,
    name: state.name,
    labels: state.labels,
    generation: state.generation,
    resource_version: state.resource_version,
    created_at: state.created_at,
    updated_at: state.updated_at,
    ...state.spec,
    status: {
      suspended: state.suspended,
      observed_generation: state.observed_generation,
      targets: {
        total: totalOf(state),
        unknown: state.targets_unknown,
        compliant: state.targets_compliant,
        drifted: state.targets_drifted,
        remediating: state.targets_remediating,
        given_up: state.targets_given_up,
      },
      conditions: state.conditions,
    },
  };
}
