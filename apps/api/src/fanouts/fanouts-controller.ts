import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type TasksCommandBody } from '@fluxforge/events/catalogue';
import { From } from '../access/index.js';
import { By, EarlyRefusals, Submit, type Accepted, type Origin } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { BodyOf, OptionalBodyOf, QueryOf } from '../fields/index.js';
import { Clock } from '../http/clock.js';
import { IdParam } from '../http/id-param.js';
import { notFound } from '../http/index.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { keyHashOf, submissionId } from '../identifiers/index.js';
import { PageQuery, pageOf, PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { RecentKeys } from '../tasks/index.js';
import {
  FanoutBody,
  FanoutCancelBody,
  FanoutRetryBody,
  fanoutHashOf,
  fanoutSpecOf,
  retriedUnlessSaid,
  retryHashOf,
} from './fanout-body.js';
import { FanoutListQuery, GetFanout, ListFanouts, ListMembers } from './queries.js';

const counts =
  'status: of `members`, how many are `queued` and `running` (or leased), and how many came out as `succeeded`, ' +
  '`failed`, `not_started` and `unknown`; before the end the others have not had their turn. Null: it was ' +
  'rejected, or it runs and has started before the views counted.';

type Made = Extract<TasksCommandBody, { type: 'fanout.start' | 'fanout.retry' }>;

@ApiTags('fan-outs')
@ApiProblems()
@Controller('v1/fanouts')
export class FanoutsController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(EarlyRefusals) private readonly early: EarlyRefusals,
    @Inject(RecentKeys) private readonly recentKeys: RecentKeys,
    @Inject(Shedding) private readonly shedding: Shedding,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Runs one thing on every agent that matches now, so many at a time.' })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one fan-out for 24 hours.' })
  @ApiAccepted()
  async start(
    @By() origin: Origin,
    @Headers('idempotency-key') key: string | undefined,
    @Body(new BodyOf(FanoutBody)) body: FanoutBody,
  ): Promise<Accepted> {
    const nowMs = this.clock.nowMs();
    const spec = fanoutSpecOf(body, nowMs);
    const id = submissionId('fan', origin.tenantId, key, nowMs);
    const keyed = keyedAs(key, id, fanoutHashOf(spec, body));
    return this.make(origin, { type: 'fanout.start', data: { fanout_id: id, spec, ...keyed } });
  }

  @Get()
  @ApiOperation({ summary: 'Lists fan-outs, newest first.', description: counts })
  list(@From() caller: Caller, @Query(new QueryOf(FanoutListQuery)) query: FanoutListQuery) {
    const phase = query.phase === undefined ? {} : { phase: query.phase };
    return this.queries.execute(new ListFanouts(caller, { ...pageOf(query), ...phase }, query));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One fan-out: its members by where they are.', description: counts })
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
    const data = { fanout_id: id, ...(reason === undefined ? {} : { reason }) };
    const body = { type: 'fanout.cancel', data } as const;
    await this.shedding.insistOnLag(origin.tenantId, body);
    return this.send(origin, id, body);
  }

  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({
    summary: 'A new fan-out to exactly those members that failed, never started or are unknown.',
  })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one retry for 24 hours.' })
  @ApiAccepted()
  async retry(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) of: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body(new OptionalBodyOf(FanoutRetryBody)) body: FanoutRetryBody,
  ): Promise<Accepted> {
    await this.insistOnIt(caller, of);
    const id = submissionId('fan', origin.tenantId, key, this.clock.nowMs());
    const members = [...(body.members ?? retriedUnlessSaid)];
    const data = { fanout_id: id, of_fanout_id: of, members, ...keyedAs(key, id, retryHashOf(of, members)) };
    return this.make(origin, { type: 'fanout.retry', data });
  }

  private insistOnIt(caller: Caller, id: string): Promise<void> {
    return this.early.refuse(caller, 'tasks', async (models, tenant) =>
      (await models.fanouts.get(tenant, id)) ? null : notFound(),
    );
  }

  private async make(origin: Origin, body: Made): Promise<Accepted> {
    const { fanout_id: id, keyed } = body.data;
    if (!keyed) {
      await this.shedding.admitMaker(origin.tenantId, false);
      return this.send(origin, id, body);
    }
    this.recentKeys.refuseOtherBody(id, keyed.body_hash);
    await this.shedding.admitMaker(origin.tenantId, this.recentKeys.knows(id, keyed.body_hash));
    const accepted = await this.send(origin, id, body);
    this.recentKeys.remember(id, keyed.body_hash);
    return accepted;
  }

  private send(origin: Origin, id: string, body: TasksCommandBody): Promise<Accepted> {
    return this.commands.execute(new Submit({ body, resourceId: id, origin }));
  }
}

function keyedAs(key: string | undefined, id: string, bodyHash: string): Pick<Made['data'], 'keyed'> {
  return key === undefined ? {} : { keyed: { key_hash: keyHashOf(id), body_hash: bodyHash } };
}
