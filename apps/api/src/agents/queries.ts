import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { agentPhases, type AgentFilter, type AgentRow, type Page } from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { Field, oneOf } from '../fields/index.js';
import { notFound } from '../http/index.js';
import { LabelledPageQuery, pageOf, Reads, type PositionQuery } from '../reads/index.js';
import { parseSelector } from '../selectors/index.js';

export class AgentListQuery extends LabelledPageQuery {
  @Field(oneOf(agentPhases), { description: 'Only in this phase.', schema: { enum: [...agentPhases] } })
  phase?: AgentFilter['phase'];
}

export function agentFilterOf(query: AgentListQuery): AgentFilter {
  return {
    ...pageOf(query),
    ...(query.phase === undefined ? {} : { phase: query.phase }),
    ...(query.labels === undefined ? {} : { labels: parseSelector(query.labels) }),
  };
}

export class GetAgent extends Query<AgentRow> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetAgent)
export class GetAgentHandler implements IQueryHandler<GetAgent> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetAgent): Promise<AgentRow> {
    const row = await this.reads.ask(caller, position, (models, tenant) => models.agents.get(tenant, id));
    if (!row) throw notFound();
    return row;
  }
}

export class ListAgents extends Query<Page<AgentRow>> {
  constructor(
    readonly caller: Caller,
    readonly filter: AgentFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListAgents)
export class ListAgentsHandler implements IQueryHandler<ListAgents> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  execute({ caller, position, filter }: ListAgents): Promise<Page<AgentRow>> {
    return this.reads.ask(caller, position, (models, tenant) => models.agents.list(tenant, filter));
  }
}
