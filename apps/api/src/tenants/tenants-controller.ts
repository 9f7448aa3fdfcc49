import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Put } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type TasksCommandBody } from '@fluxforge/events/catalogue';
import { From, Needs } from '../access/index.js';
import { By, CommandIngest, Submit, type Accepted, type Origin } from '../commands/index.js';
import { Directory, type Caller } from '../directory/index.js';
import { GetBreakers } from './breakers-query.js';
import { GetQueue } from './queue-query.js';
import { BodyOf, Parameter, text } from '../fields/index.js';
import { notFound } from '../http/index.js';
import { IdParam } from '../http/id-param.js';
import { ApiAccepted, ApiProblems } from '../http/openapi.js';
import { Shedding } from '../shedding/index.js';
import { OperatorTenant } from './operator-tenant.js';
import { changeOf, insistLower, limitsInForce } from './limits-change.js';
import { LimitsBody, ModeBody } from './tenant-bodies.js';

@ApiTags('tenant')
@ApiProblems()
@Controller('v1')
export class TenantsController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(CommandIngest) private readonly ingest: CommandIngest,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(OperatorTenant) private readonly operator: OperatorTenant,
    @Inject(Shedding) private readonly shedding: Shedding,
  ) {}

  @Get('tenant')
  @ApiOperation({
    summary: 'The tenant of the key: its limits, the mode that holds for it, and whose that is.',
  })
  tenant(@From() caller: Caller) {
    const found = this.directory.tenant(caller.tenantId);
    if (!found) throw notFound();
    const { tenant_id: id, name, limits } = found;
    return { id, name, limits: limitsInForce(limits), ...this.modesOf(id) };
  }

  @Get('tenant/mode')
  @ApiOperation({
    summary: 'The mode that holds for the tenant, and all that call for one: scope and reason.',
  })
  tenantMode(@From() caller: Caller) {
    return this.modesOf(caller.tenantId);
  }

  @Get('cluster/mode')
  @Needs('admin')
  @ApiOperation({ summary: 'The mode of each partition, its scope and its reason: for the operator.' })
  clusterModes(@From() caller: Caller) {
    this.operator.insist(caller);
    return { partitions: this.directory.clusterModes() };
  }

  @Get('queue')
  @ApiOperation({
    summary:
      "The tenant's queue: depth by priority, oldest wait. From the mirror when it is young, else as the scheduler has it.",
  })
  queue(@From() caller: Caller) {
    return this.queries.execute(new GetQueue(caller));
  }

  @Get('breakers')
  @ApiOperation({
    summary:
      'Circuit breakers that are not closed, and the brake on mass loss, as the scheduler has them now.',
  })
  breakers(@From() caller: Caller): Promise<unknown> {
    return this.queries.execute(new GetBreakers(caller));
  }

  @Patch('tenant/limits')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({
    summary:
      'Changes limits of the own tenant; where an operator is named, only downwards. Lower ones refuse and hold back; they end nothing.',
  })
  @ApiAccepted()
  limits(
    @From() caller: Caller,
    @By() origin: Origin,
    @Body(new BodyOf(LimitsBody)) body: LimitsBody,
  ): Promise<Accepted> {
    const found = this.directory.tenant(caller.tenantId);
    if (!found) throw notFound();
    const change = changeOf(body);
    if (!this.operator.isNamed || this.operator.is(caller)) {
      return this.held(origin, { type: 'tenant.set-limits', data: { change } });
    }
    insistLower(found.limits, change);
    return this.held(origin, { type: 'tenant.set-limits', data: { change, only_lower: true } });
  }

  @Patch('tenants/:id/limits')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: 'Changes limits of any tenant, up and down: for the operator.' })
  @ApiAccepted()
  limitsOf(
    @From() caller: Caller,
    @By() origin: Origin,
    @Param('id', IdParam) id: string,
    @Body(new BodyOf(LimitsBody)) body: LimitsBody,
  ): Promise<Accepted> {
    this.operator.insist(caller);
    if (!this.directory.tenant(id)) throw notFound();
    const data = { change: changeOf(body) };
    // Whatever the tenant has waiting: this is what holds it back.
    return this.submit({ ...origin, tenantId: id }, { type: 'tenant.set-limits', data });
  }

  @Put('tenant/mode')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: 'How much of the tenant is let in.' })
  @ApiAccepted()
  mode(@By() origin: Origin, @Body(new BodyOf(ModeBody)) { mode }: ModeBody): Promise<Accepted> {
    return this.held(origin, { type: 'tenant.set-mode', data: { mode } });
  }

  @Post('tenant/release-brake')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Takes agents that fell silent in numbers for gone: what ran there may be leased again.',
  })
  @ApiAccepted()
  releaseBrake(@By() origin: Origin): Promise<Accepted> {
    return this.held(origin, { type: 'tenant.release-brake', data: {} });
  }

  @Post('failure-domains/:name/reset-breaker')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Closes the circuit breaker of one value of the label that names failure domains.',
  })
  @ApiAccepted()
  resetBreaker(
    @By() origin: Origin,
    @Param('name', new Parameter('name', text({ min: 1, max: 63 }))) domain: string,
  ): Promise<Accepted> {
    return this.held(origin, { type: 'domain.reset-breaker', data: { domain } });
  }

  @Put('cluster/mode')
  @Needs('admin')
  @HttpCode(202)
  @ApiOperation({ summary: 'How much is let in at all. Takes effect partition by partition.' })
  async clusterMode(
    @From() caller: Caller,
    @By() origin: Origin,
    @Body(new BodyOf(ModeBody)) { mode }: ModeBody,
  ): Promise<{ readonly partitions: readonly Accepted[] }> {
    this.operator.insist(caller);
    return { partitions: await this.ingest.toAll({ type: 'cluster.set-mode', data: { mode } }, origin) };
  }

  private modesOf(tenantId: string) {
    return { mode: this.directory.modeOf(tenantId), modes: this.directory.modesOf(tenantId) };
  }

  private async held(origin: Origin, body: TasksCommandBody): Promise<Accepted> {
    await this.shedding.insistOnLag(origin.tenantId, body);
    return this.submit(origin, body);
  }

  private submit(origin: Origin, body: TasksCommandBody): Promise<Accepted> {
    return this.commands.execute(new Submit({ body, resourceId: origin.tenantId, origin }));
  }
}
