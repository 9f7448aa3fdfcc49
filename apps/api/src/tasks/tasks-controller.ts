import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { From } from '../access/index.js';
import { By, Submit, type Accepted, type Origin } from '../commands/index.js';
import { Directory, type Caller } from '../directory/index.js';
import { EventsQuery, GetEvents } from '../events/index.js';
import { BodyOf, OptionalBodyOf, QueryOf } from '../fields/index.js';
import { keyHashOf, submissionId } from '../identifiers/index.js';
import { Clock } from '../http/clock.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { IdParam } from '../http/id-param.js';
import { PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { insistOnMode } from './mode-gate.js';
import { outputText, outputView } from './output-view.js';
import { GetAttempts, GetOutput, GetTask, ListTasks } from './queries.js';
import { RecentKeys } from './recent-keys.js';
import { CancelBody, TaskBody } from './task-body.js';
import { OutputQuery, outputRequestOf, TaskListQuery, taskFilterOf } from './task-query.js';
import { bodyHashOf, taskSpecOf } from './task-spec.js';

@ApiTags('tasks')
@ApiProblems()
@Controller()
export class TasksController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(RecentKeys) private readonly recentKeys: RecentKeys,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Shedding) private readonly shedding: Shedding,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post(['v1/tasks', 'tasks'])
  @HttpCode(202)
  @ApiOperation({ summary: 'Submits a task. It runs at least once, or ends with a reason.' })
  @ApiHeader({ name: 'Idempotency-Key', description: 'Names this one submission for 24 hours.' })
  @ApiAccepted()
  async submit(
    @By() origin: Origin,
    @Headers('idempotency-key') givenKey: string | undefined,
    @Body(new BodyOf(TaskBody)) body: TaskBody,
  ): Promise<Accepted> {
    const nowMs = this.clock.nowMs();
    const spec = taskSpecOf(body, nowMs);
    insistOnMode(this.directory, origin.tenantId, spec);
    const taskId = submissionId('tsk', origin.tenantId, givenKey, nowMs);
    if (givenKey === undefined) {
      await this.shedding.admit(origin.tenantId);
      const command = { type: 'task.submit', data: { task_id: taskId, spec } } as const;
      return this.commands.execute(new Submit({ body: command, resourceId: taskId, origin }));
    }
    const keyed = { key_hash: keyHashOf(taskId), body_hash: bodyHashOf(spec, body.delay) };
    this.recentKeys.refuseOtherBody(taskId, keyed.body_hash);
    await this.shedding.admit(origin.tenantId, this.recentKeys.knows(taskId, keyed.body_hash));
    const command = { type: 'task.submit', data: { task_id: taskId, spec, keyed } } as const;
    const accepted = await this.commands.execute(new Submit({ body: command, resourceId: taskId, origin }));
    this.recentKeys.remember(taskId, keyed.body_hash);
    return accepted;
  }

  @Get('v1/tasks')
  @ApiOperation({ summary: 'Lists tasks, newest first.' })
  list(@From() caller: Caller, @Query(new QueryOf(TaskListQuery)) query: TaskListQuery) {
    return this.queries.execute(new ListTasks(caller, taskFilterOf(query), query));
  }

  @Get('v1/tasks/:id')
  @ApiOperation({ summary: 'One task.' })
  get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetTask(caller, id, query));
  }

  @Post('v1/tasks/:id/cancel')
  @HttpCode(202)
  @ApiOperation({ summary: 'Asks for a task to be stopped, or not to be started.' })
  @ApiAccepted()
  async cancel(
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Body(new OptionalBodyOf(CancelBody)) body: CancelBody,
  ): Promise<Accepted> {
    const data = { task_id: id, ...(body.reason === undefined ? {} : { reason: body.reason }) };
    const command = { type: 'task.cancel', data } as const;
    await this.shedding.insistOnLag(origin.tenantId, command);
    return this.commands.execute(new Submit({ body: command, resourceId: id, origin }));
  }

  @Get('v1/tasks/:id/attempts')
  @ApiOperation({ summary: 'The runs of a task, and why each was given where and when.' })
  attempts(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetAttempts(caller, id, query));
  }

  @Get('v1/tasks/:id/output')
  @ApiOperation({ summary: 'What a run printed, in order; what is missing is marked.' })
  async output(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(OutputQuery)) query: OutputQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.queries.execute(new GetOutput(caller, id, outputRequestOf(query), query));
    if (query.format !== 'text') return outputView(page);
    void reply.header('content-type', 'text/plain; charset=utf-8');
    if (page.resume_cursor !== null) void reply.header('fluxforge-resume', page.resume_cursor);
    return outputText(page);
  }

  @Get('v1/tasks/:id/events')
  @ApiOperation({ summary: 'Everything that happened to a task.' })
  events(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(EventsQuery)) query: EventsQuery,
  ) {
    return this.queries.execute(new GetEvents(caller, { kind: 'task', id }, query));
  }
}
