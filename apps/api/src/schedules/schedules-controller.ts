import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
} from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { canonicalText } from '@fluxforge/domain/kernel';
import { type TasksCommandBody } from '@fluxforge/events/catalogue';
import { From } from '../access/index.js';
import { By, EarlyRefusals, Submit, type Accepted, type Origin } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { BodyOf, QueryOf } from '../fields/index.js';
import { Clock } from '../http/clock.js';
import { IdParam } from '../http/id-param.js';
import { notFound } from '../http/index.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { sha256Hex, submissionId } from '../identifiers/index.js';
import { pageOf, PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { RecentKeys } from '../tasks/index.js';
import { GetSchedule, ListSchedules, ScheduleListQuery } from './queries.js';
import { ScheduleBody, scheduleSpecOf } from './schedule-body.js';

type Put = Extract<TasksCommandBody, { type: 'schedule.create' | 'schedule.update' }>;

@ApiTags('schedules')
@ApiProblems()
@Controller('v1/schedules')
export class SchedulesController {
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
  @ApiOperation({ summary: 'Makes a task at each time that a cron expression names.' })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one schedule.' })
  @ApiAccepted()
  async create(
    @By() origin: Origin,
    @Headers('idempotency-key') key: string | undefined,
    @Body(new BodyOf(ScheduleBody)) body: ScheduleBody,
  ): Promise<Accepted> {
    const nowMs = this.clock.nowMs();
    const data = { name: body.name, spec: scheduleSpecOf(body, nowMs) };
    const id = submissionId('sch', origin.tenantId, key, nowMs);
    return this.put(origin, { type: 'schedule.create', data: { schedule_id: id, ...data } });
  }

  @Get()
  @ApiOperation({ summary: 'Lists schedules.' })
  list(@From() caller: Caller, @Query(new QueryOf(ScheduleListQuery)) query: ScheduleListQuery) {
    const named = query.name === undefined ? {} : { name: query.name };
    return this.queries.execute(new ListSchedules(caller, { ...pageOf(query), ...named }, query));
  }

  @Get(':id')
  @ApiOperation({
    summary: 'One schedule: when it fires next, what became of the last time, what was missed.',
  })
  get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetSchedule(caller, id, query));
  }

  @Put(':id')
  @HttpCode(202)
  @ApiOperation({ summary: 'Replaces a schedule. What is due stays due unless its times are changed.' })
  @ApiAccepted()
  async replace(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Body(new BodyOf(ScheduleBody)) body: ScheduleBody,
  ): Promise<Accepted> {
    const data = { schedule_id: id, name: body.name, spec: scheduleSpecOf(body, this.clock.nowMs()) };
    await this.insistOnIt(caller, id);
    return this.put(origin, { type: 'schedule.update', data });
  }

  @Post(':id/suspend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Fires no more, until resumed. Times that pass meanwhile are not made up for.' })
  @ApiAccepted()
  suspend(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    return this.setSuspended(caller, origin, id, true);
  }

  @Post(':id/resume')
  @HttpCode(202)
  @ApiOperation({ summary: 'Fires again.' })
  @ApiAccepted()
  resume(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    return this.setSuspended(caller, origin, id, false);
  }

  @Delete(':id')
  @HttpCode(202)
  @ApiOperation({ summary: 'Deletes a schedule; tasks that it made go on.' })
  @ApiAccepted()
  async delete(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    await this.insistOnIt(caller, id);
    return this.send(origin, id, { type: 'schedule.delete', data: { schedule_id: id } });
  }

  private async setSuspended(caller: Caller, origin: Origin, id: string, suspended: boolean) {
    await this.insistOnIt(caller, id);
    return this.send(origin, id, { type: 'schedule.suspend', data: { schedule_id: id, suspended } });
  }

  private insistOnIt(caller: Caller, id: string): Promise<void> {
    return this.early.refuse(caller, 'tasks', async (models, tenant) =>
      (await models.schedules.get(tenant, id)) ? null : notFound(),
    );
  }

  /** What was accepted last of a schedule changes nothing when it comes again, whether it has a key or not. */
  private async put(origin: Origin, body: Put): Promise<Accepted> {
    const { schedule_id: id, name, spec } = body.data;
    const content = sha256Hex(canonicalText([name, spec]));
    await this.shedding.admitMaker(origin.tenantId, this.recentKeys.knows(id, content));
    const accepted = await this.commands.execute(new Submit({ body, resourceId: id, origin }));
    this.recentKeys.rememberLatest(id, content);
    return accepted;
  }

  private async send(origin: Origin, id: string, body: TasksCommandBody): Promise<Accepted> {
    await this.shedding.insistOnLag(origin.tenantId, body);
    return this.commands.execute(new Submit({ body, resourceId: id, origin }));
  }
}
