import { Controller, Inject, UseFilters } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { GrpcMethod } from '@nestjs/microservices';
import { type Metadata } from '@grpc/grpc-js';
import { AgentListQuery, agentFilterOf, GetAgent, ListAgents } from '../agents/index.js';
import { GetCommand } from '../command-answers/index.js';
import { validated } from '../fields/index.js';
import { idOf } from '../http/id-param.js';
import { positionOf, queryOf, type ListMessage, type ReadMessage } from './messages.js';
import { RpcCallers } from './rpc-caller.js';
import { RpcProblems } from './rpc-problems.js';

/** `AgentService` and `CommandService` of proto/. */
@Controller()
@UseFilters(RpcProblems)
export class ReadsRpc {
  constructor(
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(RpcCallers) private readonly callers: RpcCallers,
  ) {}

  @GrpcMethod('AgentService', 'GetAgent')
  async agent(message: ReadMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    return this.queries.execute(new GetAgent(caller, idOf(message.id), positionOf(message)));
  }

  @GrpcMethod('AgentService', 'ListAgents')
  async agents(message: ListMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const query = validated(AgentListQuery, queryOf(message), { code: 'invalid_parameter' });
    return this.queries.execute(new ListAgents(caller, agentFilterOf(query), query));
  }

  @GrpcMethod('CommandService', 'GetCommand')
  async command(message: ReadMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    return this.queries.execute(new GetCommand(caller, idOf(message.id), positionOf(message)));
  }
}
