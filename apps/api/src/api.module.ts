import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { Metrics, Readiness } from '@fluxforge/telemetry';
import { AccessGuard } from './access/index.js';
import { AgentsController, GetAgentHandler, ListAgentsHandler } from './agents/index.js';
import { CommandEnds, CommandsController, GetCommandHandler } from './command-answers/index.js';
import { CommandIngest, EarlyRefusals, SubmitHandler } from './commands/index.js';
import { Directory } from './directory/index.js';
import { Enrolment, EnrolmentController, OutputAddress } from './enrolment/index.js';
import {
  FanoutsController,
  GetFanoutHandler,
  ListFanoutsHandler,
  ListMembersHandler,
} from './fanouts/index.js';
import { GetEventsHandler } from './events/index.js';
import {
  ExplainingController,
  ExplainTargetHandler,
  ExplainTaskHandler,
  SimulateHandler,
} from './explaining/index.js';
import { ReadsRpc, RpcCallers, RpcLogger, StatesRpc, TasksRpc } from './grpc/index.js';
import { Clock } from './http/clock.js';
import { ProblemFilter } from './http/index.js';
import { OpsController } from './ops/index.js';
import { Owners } from './owners/index.js';
import { type ApiParts } from './parts.js';
import { Reads } from './reads/index.js';
import { GetScheduleHandler, ListSchedulesHandler, SchedulesController } from './schedules/index.js';
import { HotQueues, Shedding } from './shedding/index.js';
import { Turns } from './turns/index.js';
import {
  GetStateHandler,
  ListStatesHandler,
  ListTargetsHandler,
  StateRefusals,
  StatesController,
} from './states/index.js';
import { GetBreakersHandler, GetQueueHandler, OperatorTenant, TenantsController } from './tenants/index.js';
import {
  GetAttemptsHandler,
  GetOutputHandler,
  GetTaskHandler,
  ListTasksHandler,
  RecentKeys,
  TasksController,
} from './tasks/index.js';

const handlers = [
  SubmitHandler,
  GetStateHandler,
  ListStatesHandler,
  ListTargetsHandler,
  GetTaskHandler,
  ListTasksHandler,
  GetAttemptsHandler,
  GetOutputHandler,
  GetAgentHandler,
  ListAgentsHandler,
  GetScheduleHandler,
  ListSchedulesHandler,
  GetFanoutHandler,
  ListFanoutsHandler,
  ListMembersHandler,
  GetEventsHandler,
  GetCommandHandler,
  ExplainTaskHandler,
  ExplainTargetHandler,
  SimulateHandler,
  GetQueueHandler,
  GetBreakersHandler,
];

@Module({})
export class ApiModule {
  static of(parts: ApiParts): DynamicModule {
    return {
      module: ApiModule,
      imports: [CqrsModule.forRoot()],
      controllers: [
        StatesController,
        TasksController,
        SchedulesController,
        FanoutsController,
        EnrolmentController,
        AgentsController,
        CommandsController,
        OpsController,
        ExplainingController,
        TenantsController,
        TasksRpc,
        StatesRpc,
        ReadsRpc,
      ],
      providers: [
        ...handlers,
        ...partProviders(parts),
        // What gRPC writes goes through the same doors.
        TasksController,
        StatesController,
        RpcCallers,
        { provide: RpcLogger, useValue: new RpcLogger(parts.logger) },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useValue: new ProblemFilter(parts.logger) },
      ],
    };
  }
}

function partProviders(parts: ApiParts): Provider[] {
  const value = (provide: unknown, useValue: unknown) => ({ provide, useValue }) as Provider;
  return [
    value(CommandIngest, parts.ingest),
    value(Reads, parts.reads),
    value(EarlyRefusals, parts.early),
    value(StateRefusals, new StateRefusals(parts.early)),
    value(Directory, parts.directory),
    value(Enrolment, parts.enrolment),
    value(OutputAddress, parts.outputAddress),
    value(CommandEnds, parts.commandEnds),
    value(Owners, parts.owners),
    value(OperatorTenant, parts.operator),
    value(Clock, parts.clock),
    value(Shedding, parts.shedding),
    value(Turns, parts.turns),
    value(HotQueues, parts.hotQueues),
    value(RecentKeys, new RecentKeys(parts.clock.nowMs)),
    value(Metrics, parts.metrics),
    value(Readiness, parts.readiness),
  ];
}
