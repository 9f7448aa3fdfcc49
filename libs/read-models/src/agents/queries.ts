import { type DataSource } from 'typeorm';
import { AgentLoadEntity } from '../last-seen/entity.js';
import { type Condition } from '../queries/common.js';
import { type Database } from '../queries/database.js';
import { whereLabels } from '../queries/label-selector.js';
import { pageOf } from '../queries/paging.js';
import { type ReadModels } from '../queries/read-models.js';
import { AgentEntity } from './entity.js';
import { type AgentLoad, type AgentRow } from './row.js';

export function agentQueries(database: Database): ReadModels['agents'] {
  return {
    get: (tenantId, agentId) =>
      database.run(async (source) => {
        const found = await source.getRepository(AgentEntity).findOneBy({ tenant_id: tenantId, id: agentId });
        if (!found) return null;
        const loads = await loadsOf(source, tenantId, [agentId]);
        return agentRow(found, loads);
      }),

    list: (tenantId, filter = {}) =>
      database.run(async (source) => {
        const query = source
          .createQueryBuilder(AgentEntity, 't')
          .where('t.tenant_id = :tenantId', { tenantId });
        if (filter.phase === undefined) query.andWhere(`t.phase <> 'removed'`);
        else query.andWhere('t.phase = :phase', { phase: filter.phase });
        whereLabels(query, filter.labels);
        const ordering = { list: 'agents', columns: ['created_at', 'id'] as const };
        const page = await pageOf(query, ordering, filter, (agent) => agent);
        const loads = await loadsOf(
          source,
          tenantId,
          page.items.map((agent) => agent.id),
        );
        return { ...page, items: page.items.map((agent) => agentRow(agent, loads)) };
      }),
  };
}

async function loadsOf(
  source: DataSource,
  tenantId: string,
  agentIds: readonly string[],
): Promise<ReadonlyMap<string, AgentLoad>> {
  if (agentIds.length === 0) return new Map();
  const found = await source
    .createQueryBuilder(AgentLoadEntity, 't')
    .where('t.tenant_id = :tenantId AND t.agent_id = ANY(:agentIds)', { tenantId, agentIds })
    .getMany();
  return new Map(found.map(({ tenant_id: _tenant, agent_id, ...load }) => [agent_id, load]));
}

function agentRow(agent: AgentEntity, loads: ReadonlyMap<string, AgentLoad>): AgentRow {
  return {
    id: agent.id,
    name: agent.name,
    labels: agent.labels,
    generation: agent.generation,
    resource_version: agent.resource_version,
    created_at: agent.created_at,
    updated_at: agent.updated_at,
    slots: agent.slots,
    executors: agent.executors,
    agent_version: agent.agent_version,
    capacity: agent.capacity,
    status: {
      phase: agent.phase,
      draining: agent.draining,
      drain_deadline: agent.drain_deadline,
      reason: agent.reason,
      since: agent.since,
      load: loads.get(agent.id) ?? null,
      conditions: conditionsOf(agent),
    },
  };
}

function conditionsOf(agent: AgentEntity): Condition[] {
  return [
    {
      type: 'connected',
      status: agent.phase === 'enrolled' ? 'unknown' : agent.phase === 'found' ? 'true' : 'false',
      reason: agent.reason,
      message: '',
      last_transition_at: agent.since,
      observed_generation: agent.generation,
    },
    {
      type: 'draining',
      status: agent.draining ? 'true' : 'false',
      reason: agent.draining ? 'agent_draining' : '',
      message: '',
      last_transition_at: agent.drain_set_at ?? agent.created_at,
      observed_generation: agent.generation,
    },
  ];
}
