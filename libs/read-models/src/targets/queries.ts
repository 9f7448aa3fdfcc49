import { type DataSource } from 'typeorm';
import { type Page } from '../queries/common.js';
import { pageOf } from '../queries/paging.js';
import { type StateEntity } from '../states/entity.js';
import { TargetEntity } from './entity.js';
import { type TargetFilter, type TargetRow } from './row.js';

export function targetsOf(
  source: DataSource,
  state: StateEntity,
  filter: TargetFilter,
): Promise<Page<TargetRow>> {
  const query = source
    .createQueryBuilder(TargetEntity, 't')
    .where('t.tenant_id = :tenantId AND t.state_id = :stateId', {
      tenantId: state.tenant_id,
      stateId: state.id,
    });
  if (filter.compliance !== undefined) {
    query.andWhere('t.compliance = :compliance', { compliance: filter.compliance });
  }
  if (filter.agent_id !== undefined) query.andWhere('t.agent_id = :agentId', { agentId: filter.agent_id });
  return pageOf(query, { list: 'targets', columns: ['agent_id'] }, filter, (target) => {
    const { tenant_id: _tenant, ...row } = target;
    return { ...row, generation: state.generation };
  });
}
