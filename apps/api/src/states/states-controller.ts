import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type StatesCommandBody } from '@fluxforge/events/catalogue';
import { type FastifyReply } from 'fastify';
import { From } from '../access/index.js';
import { By, Submit, type Accepted, type Origin } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { EventsQuery, GetEvents } from '../events/index.js';
import { BodyOf, QueryOf, validated } from '../fields/index.js';
import { Clock } from '../http/clock.js';
import { IdParam } from '../http/id-param.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { newId } from '../identifiers/index.js';
import { PositionQuery } from '../reads/index.js';
import { Shedding } from '../shedding/index.js';
import { GetState, ListStates, ListTargets } from './queries.js';
import { StateBody } from './state-body.js';
import { StateListQuery, stateFilterOf, TargetListQuery, targetFilterOf, versionOf } from './state-query.js';
import { refuseShutWindows } from './windows.js';
import { StateRefusals } from './state-refusals.js';
import { bodyOfRow, declaredOf, stateView } from './state-spec.js';

@ApiTags('states')
@ApiProblems()
@Controller()
export class StatesController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(StateRefusals) private readonly refusals: StateRefusals,
    @Inject(Shedding) private readonly shedding: Shedding,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Post(['v1/states', 'states'])
  @HttpCode(202)
  @ApiOperation({ summary: 'Declares a state.' })
  @ApiAccepted()
  async declare(
    @From() caller: Caller,
    @By() origin: Origin,
    @Body(new BodyOf(StateBody)) body: StateBody,
  ): Promise<Accepted> {
    await this.refusals.ifNameTaken(caller, body.name, null);
    const id = newId('sta', this.clock.nowMs());
    return this.submit(origin, id, { type: 'state.declare', data: { state_id: id, ...declaredOf(body) } });
  }

  @Get('v1/states')
  @ApiOperation({ summary: 'Lists states.' })
  list(@From() caller: Caller, @Query(new QueryOf(StateListQuery)) query: StateListQuery) {
    return this.queries.execute(new ListStates(caller, stateFilterOf(query), query));
  }

  @Get('v1/states/:id')
  @ApiOperation({ summary: 'One state, with what is observed of it.' })
  async get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const row = await this.queries.execute(new GetState(caller, id, query));
    void reply.header('etag', `"${row.resource_version}"`);
    return stateView(row);
  }

  @Put('v1/states/:id')
  @HttpCode(202)
  @ApiOperation({ summary: 'Replaces what is declared. A changed spec makes a new generation.' })
  @ApiHeader({ name: 'If-Match', description: 'The resource_version that this replaces.' })
  @ApiAccepted()
  async replace(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body(new BodyOf(StateBody)) body: StateBody,
  ): Promise<Accepted> {
    const version = versionOf(ifMatch);
    await this.refusals.ifNot(caller, id, version.if_version);
    await this.refusals.ifNameTaken(caller, body.name, id);
    const data = { state_id: id, ...declaredOf(body), ...version };
    return this.submit(origin, id, { type: 'state.update', data });
  }

  @Patch('v1/states/:id')
  @HttpCode(202)
  @ApiOperation({ summary: 'Changes some fields. Needs the read models: without them, replace the whole.' })
  @ApiHeader({ name: 'If-Match', description: 'The resource_version that this changes.' })
  @ApiAccepted()
  async change(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body(new BodyOf(StateBody, { partial: true })) patch: StateBody,
  ): Promise<Accepted> {
    const version = versionOf(ifMatch);
    const row = await this.queries.execute(new GetState(caller, id, {}));
    const whole = validated(StateBody, { ...bodyOfRow(row), ...patch }, { code: 'validation_failed' });
    // What was read is what is changed: if it is no longer so, the owner refuses instead of losing a change.
    const data = {
      state_id: id,
      ...declaredOf(whole),
      if_version: version.if_version ?? row.resource_version,
    };
    return this.submit(origin, id, { type: 'state.update', data });
  }

  @Delete('v1/states/:id')
  @HttpCode(202)
  @ApiOperation({ summary: 'Deletes a state; remediations under way are withdrawn.' })
  @ApiHeader({ name: 'If-Match', description: 'The resource_version that this deletes.' })
  @ApiAccepted()
  async delete(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<Accepted> {
    const version = versionOf(ifMatch);
    await this.refusals.ifNot(caller, id, version.if_version);
    return this.submit(origin, id, { type: 'state.delete', data: { state_id: id, ...version } });
  }

  @Post('v1/states/:id/suspend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Stops checking and applying, until resumed.' })
  @ApiAccepted()
  async suspend(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    await this.refusals.ifNot(caller, id, undefined);
    return this.submit(origin, id, { type: 'state.suspend', data: { state_id: id } });
  }

  @Post('v1/states/:id/resume')
  @HttpCode(202)
  @ApiOperation({ summary: 'Goes on with a suspended state.' })
  @ApiAccepted()
  async resume(@From() caller: Caller, @By() origin: Origin, @Param('id', IdParam) id: string) {
    await this.refusals.ifNot(caller, id, undefined);
    return this.submit(origin, id, { type: 'state.resume', data: { state_id: id } });
  }

  @Get('v1/states/:id/targets')
  @ApiOperation({ summary: 'The agents of a state, each with what is known of it.' })
  targets(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(TargetListQuery)) query: TargetListQuery,
  ) {
    return this.queries.execute(new ListTargets(caller, id, targetFilterOf(query), query));
  }

  @Get('v1/states/:id/events')
  @ApiOperation({ summary: 'Everything that happened to a state and its targets.' })
  events(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(EventsQuery)) query: EventsQuery,
  ) {
    return this.queries.execute(new GetEvents(caller, { kind: 'state', id }, query));
  }

  private async submit(origin: Origin, resourceId: string, body: StatesCommandBody): Promise<Accepted> {
    if (body.type === 'state.declare' || body.type === 'state.update') {
      refuseShutWindows(body.data.spec.windows, this.clock.nowMs());
    }
    await this.shedding.insistOnLag(origin.tenantId, body);
    return this.commands.execute(new Submit({ body, resourceId, origin }));
  }
}
