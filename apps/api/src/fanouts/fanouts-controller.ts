import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { From } from '../access/index.js';
import { By, EarlyRefusals, Submit, type Accepted, type Origin } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { BodyOf, OptionalBodyOf, QueryOf } from '../fields/index.js';
import { Clock } from '../http/clock.js';
import { IdParam } from '../http/id-param.js';
import { notFound } from '../http/index.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { derivedId, newId } from '../identifiers/index.js';
import { PageQuery, pageOf, PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { idempotencyKey } from '../tasks/index.js';
import {
  FanoutBody,
  FanoutCancelBody,
  FanoutRetryBody,
  fanoutSpecOf,
  retriedUnlessSaid,
} from './fanout-body.js';
import { FanoutListQuery, GetFanout, ListFanouts, ListMembers } from './queries.js';

@ApiTags('fan-outs')
@ApiProblems()
@Controller('v1/fanouts')
export class FanoutsController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(EarlyRefusals) private readonly early: EarlyRefusals,
    @Inject(Shedding) private readonly shedding: Shedding,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Runs one thing on every agent that matches now, so many at a time.' })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one fan-out.' })
  @ApiAccepted()
  async start(
    @By() origin: Origin,
    @Headers('idempotency-key') key: string | undefined,
    @Body(new BodyOf(FanoutBody)) body: FanoutBody,
  ): Promise<Accepted> {
    const spec = fanoutSpecOf(body, this.clock.nowMs());
    const id = this.idOf(origin, key);
    await this.shedding.admit(origin.tenantId);
    const command = { type: 'fanout.start', data: { fanout_id: id, spec } } as const;
    return this.commands.execute(new Submit({ body: command, resourceId: id, origin }));
  }

  @Get()
  @ApiOperation({ summary: 'Lists fan-outs, newest first.' })
  list(@From() caller: Caller, @Query(new QueryOf(FanoutListQuery)) query: FanoutListQuery) {
    const phase = query.phase === undefined ? {} : { phase: query.phase };
    return this.queries.execute(new ListFanouts(caller, { ...pageOf(query), ...phase }, query));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One fan-out: its members by how they came out.' })
  get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetFanout(caller, id, query));
  }

  @Get(':id/members')
  @ApiOperation({ summary: 'The members, frozen when it started, each with its task and its end.' })
  members(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PageQuery)) query: PageQuery,
  ) {
    return this.queries.execute(new ListMembers(caller, id, pageOf(query), query));
  }

  @Post(':id/cancel')
  @HttpCode(202)
  @ApiOperation({ summary: 'Starts no further member and cancels those that run.' })
  @ApiAccepted()
  async cancel(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Body(new OptionalBodyOf(FanoutCancelBody)) { reason }: FanoutCancelBody,
  ): Promise<Accepted> {
    await this.insistOnIt(caller, id);
    await this.shedding.insistOnLag(origin.tenantId);
    const data = { fanout_id: id, ...(reason === undefined ? {} : { reason }) };
    return this.commands.execute(
      new Submit({ body: { type: 'fanout.cancel', data }, resourceId: id, origin }),
    );
  }

  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({
    summary: 'A new fan-out to exactly those members that failed, never started or are unknown.',
  })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one retry.' })
  @ApiAccepted()
  async retry(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) of: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body(new OptionalBodyOf(FanoutRetryBody)) body: FanoutRetryBody,
  ): Promise<Accepted> {
    await this.insistOnIt(caller, of);
    await this.shedding.admit(origin.tenantId);
    const id = this.idOf(origin, key);
    const data = { fanout_id: id, of_fanout_id: of, members: [...(body.members ?? retriedUnlessSaid)] };
    return this.commands.execute(
      new Submit({ body: { type: 'fanout.retry', data }, resourceId: id, origin }),
    );
  }

  private idOf({ tenantId }: Origin, key: string | undefined): string {
    return key === undefined
      ? newId('fan', this.clock.nowMs())
      : derivedId('fan', tenantId, idempotencyKey(key));
  }

  private insistOnIt(caller: Caller, id: string): Promise<void> {
    return this.early.refuse(caller, 'tasks', async (models, tenant) =>
      (await models.fanouts.get(tenant, id)) ? null : notFound(),
    );
  }
}
