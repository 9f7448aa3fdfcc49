import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type TasksCommandBody } from '@fluxforge/events/catalogue';
import { From, Needs } from '../access/index.js';
import { By, EarlyRefusals, Submit, type Accepted, type Origin } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { EventsQuery, GetEvents } from '../events/index.js';
import { OptionalBodyOf, QueryOf } from '../fields/index.js';
import { IdParam } from '../http/id-param.js';
import { notFound } from '../http/index.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { DrainBody } from './drain-body.js';
import { AgentListQuery, agentFilterOf, GetAgent, ListAgents } from './queries.js';

@ApiTags('agents')
@ApiProblems()
@Controller('v1/agents')
export class AgentsController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(EarlyRefusals) private readonly early: EarlyRefusals,
    @Inject(Shedding) private readonly shedding: Shedding,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Lists agents; removed ones only when asked for by phase.' })
  list(@From() caller: Caller, @Query(new QueryOf(AgentListQuery)) query: AgentListQuery) {
    return this.queries.execute(new ListAgents(caller, agentFilterOf(query), query));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One agent.' })
  get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetAgent(caller, id, query));
  }

  @Post(':id/drain')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Gives the agent nothing new. What runs there ends, or is moved at the deadline.',
  })
  @ApiAccepted()
  drain(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Body(new OptionalBodyOf(DrainBody)) { deadline }: DrainBody,
  ) {
    const until = deadline !== undefined && { deadline_ms: Date.parse(deadline) };
    const data = { agent_id: id, drain: true, ...until };
    return this.submit(caller, origin, id, { type: 'agent.drain', data });
  }

  @Post(':id/reset-breaker')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: "Closes the agent's circuit breaker: it is given work as others are." })
  @ApiAccepted()
  resetBreaker(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    return this.submit(caller, origin, id, { type: 'agent.reset-breaker', data: { agent_id: id } });
  }

  @Post(':id/undrain')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: 'Gives a drained agent work again.' })
  @ApiAccepted()
  undrain(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    return this.submit(caller, origin, id, { type: 'agent.drain', data: { agent_id: id, drain: false } });
  }

  @Delete(':id')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: 'Removes an agent for good; its credential is void.' })
  @ApiAccepted()
  remove(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    return this.submit(caller, origin, id, { type: 'agent.remove', data: { agent_id: id } });
  }

  @Get(':id/events')
  @ApiOperation({ summary: 'Everything that happened to an agent.' })
  events(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(EventsQuery)) query: EventsQuery,
  ) {
    return this.queries.execute(new GetEvents(caller, { kind: 'agent', id }, query));
  }

  private async submit(
    caller: Caller,
    origin: Origin,
    id: string,
    body: TasksCommandBody,
  ): Promise<Accepted> {
    await this.early.refuse(caller, 'tasks', async (models, tenant) =>
      (await models.agents.get(tenant, id)) ? null : notFound(),
    );
    await this.shedding.insistOnLag(origin.tenantId, body);
    return this.commands.execute(new Submit({ body, resourceId: id, origin }));
  }
}
