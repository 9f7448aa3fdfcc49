import { Controller, Inject, UseFilters } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { GrpcMethod } from '@nestjs/microservices';
import { type Metadata } from '@grpc/grpc-js';
import { type Accepted } from '../commands/index.js';
import { validated } from '../fields/index.js';
import { idOf } from '../http/id-param.js';
import {
  GetState,
  ListStates,
  ListTargets,
  StateBody,
  stateFilterOf,
  StateListQuery,
  StatesController,
  stateView,
  targetFilterOf,
  TargetListQuery,
  type StateView,
} from '../states/index.js';
import { bodyOf, positionOf, queryOf, specOf, type ListMessage, type ReadMessage } from './messages.js';
import { RpcCallers } from './rpc-caller.js';
import { RpcProblems } from './rpc-problems.js';

const commands = ['check_cmd', 'apply_cmd'];

interface StateMessage {
  readonly id?: string;
  readonly state?: Record<string, unknown>;
  readonly if_version?: number;
}

/** `StateService` of proto/: what a write does is decided behind the same door as over REST. */
@Controller()
@UseFilters(RpcProblems)
export class StatesRpc {
  constructor(
    @Inject(StatesController) private readonly states: StatesController,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(RpcCallers) private readonly callers: RpcCallers,
  ) {}

  @GrpcMethod('StateService', 'DeclareState')
  async declare({ state }: StateMessage, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ caller, origin }) =>
      this.states.declare(caller, origin, declaredIn(state)),
    );
  }

  @GrpcMethod('StateService', 'ReplaceState')
  async replace(message: StateMessage, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ caller, origin }) => {
      const id = idOf(message.id);
      return this.states.replace(caller, origin, id, versionIn(message), declaredIn(message.state));
    });
  }

  @GrpcMethod('StateService', 'DeleteState')
  async delete(message: StateMessage, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ caller, origin }) =>
      this.states.delete(caller, origin, idOf(message.id), versionIn(message)),
    );
  }

  @GrpcMethod('StateService', 'SuspendState')
  async suspend(message: StateMessage, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ caller, origin }) =>
      this.states.suspend(caller, origin, idOf(message.id)),
    );
  }

  @GrpcMethod('StateService', 'ResumeState')
  async resume(message: StateMessage, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ caller, origin }) =>
      this.states.resume(caller, origin, idOf(message.id)),
    );
  }

  @GrpcMethod('StateService', 'GetState')
  async get(message: ReadMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const row = await this.queries.execute(new GetState(caller, idOf(message.id), positionOf(message)));
    return stateMessage(stateView(row));
  }

  @GrpcMethod('StateService', 'ListStates')
  async list(message: ListMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const query = validated(StateListQuery, queryOf(message), { code: 'invalid_parameter' });
    const page = await this.queries.execute(new ListStates(caller, stateFilterOf(query), query));
    return { items: page.items.map(stateMessage), next_cursor: page.next_cursor };
  }

  @GrpcMethod('StateService', 'ListTargets')
  async targets({ id, ...message }: ListMessage & { id?: string }, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const query = validated(TargetListQuery, queryOf(message), { code: 'invalid_parameter' });
    return this.queries.execute(new ListTargets(caller, idOf(id), targetFilterOf(query), query));
  }
}

function declaredIn(state: StateMessage['state']): StateBody {
  return validated(StateBody, bodyOf(state, commands), { code: 'validation_failed' });
}

/** As `If-Match` says it. */
function versionIn({ if_version }: StateMessage): string | undefined {
  return if_version === undefined ? undefined : String(if_version);
}

function stateMessage(view: StateView) {
  const { id, generation, resource_version, created_at, updated_at, status, ...declared } = view;
  const resource = { id, generation, resource_version, created_at, updated_at };
  return { ...resource, spec: specOf(declared, commands), status };
}
