import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { From, Needs } from '../access/index.js';
import { type Caller } from '../directory/index.js';
import { BodyOf, QueryOf } from '../fields/index.js';
import { Clock } from '../http/clock.js';
import { IdParam } from '../http/id-param.js';
import { ApiProblems } from '../http/openapi.js';
import { ExplainTarget, ExplainTask, Simulate } from './queries.js';
import { AsOfQuery, timeOf } from './as-of-query.js';
import { changesOf, SimulationBody } from './simulation-body.js';

@ApiTags('explanations')
@ApiProblems()
@Controller()
export class ExplainingController {
  constructor(
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Get('v1/tasks/:id/explain')
  @ApiOperation({
    summary:
      'Why a task is where it is: the one rule that holds it back, each agent, and what would change it.',
    description:
      '`message` says it in a sentence; programs go by `phase`, `rule` and `remedies`. `position` is counted while ' +
      'the queue moves on, over some milliseconds where it is long; all else is as of the end of that. `add-agents` ' +
      'says in `max_agents` what the limit of that name has to be raised to first, where the tenant may not have ' +
      'as many agents.',
  })
  task(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(AsOfQuery)) query: AsOfQuery,
  ) {
    return this.queries.execute(new ExplainTask(caller, id, timeOf(query, this.clock.nowMs())));
  }

  @Post('v1/simulations')
  @Needs('reader')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'What the scheduler would do now if things were otherwise: admitted, placed, delayed. Writes nothing.',
    description:
      '`delayed` are added tasks that would wait. `changed` are tasks that wait already and would wait for something ' +
      'else: `before` is the rule that holds one back now, `after` the one that would. `waited_for` are the runs on ' +
      'agents that are to be drained: a drain without a deadline moves none of them. Each of the two names 1000 at ' +
      'most, and `changed_more` and `waited_for_more` count the rest. `complete` is false when there would be more ' +
      'decisions than one simulation makes.',
  })
  simulate(@From() caller: Caller, @Body(new BodyOf(SimulationBody)) body: SimulationBody) {
    return this.queries.execute(new Simulate(caller, changesOf(body, this.clock.nowMs())));
  }

  @Get('v1/states/:id/targets/:agent/explain')
  @ApiOperation({
    summary:
      'Why a state is, or is not, being applied on one agent: the one rule that decides, and what would change it.',
    description:
      '`message` says it in a sentence; programs go by `reason` and `remedies`. `last_task_id` is the last apply of this ' +
      'generation, with its output; `unanswered_checks` and `unclear_checks` are in a row, as counted by the present owner.',
  })
  target(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Param('agent', IdParam) agentId: string,
    @Query(new QueryOf(AsOfQuery)) query: AsOfQuery,
  ) {
    return this.queries.execute(new ExplainTarget(caller, id, agentId, timeOf(query, this.clock.nowMs())));
  }
}
