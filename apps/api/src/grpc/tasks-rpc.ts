import { Controller, Inject, UseFilters } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { GrpcMethod } from '@nestjs/microservices';
import { type Metadata } from '@grpc/grpc-js';
import { type Accepted } from '../commands/index.js';
import { validated } from '../fields/index.js';
import { idOf } from '../http/id-param.js';
import {
  CancelBody,
  GetOutput,
  GetTask,
  ListTasks,
  OutputQuery,
  outputRequestOf,
  TaskBody,
  taskFilterOf,
  TaskListQuery,
  TasksController,
  type TaskView,
} from '../tasks/index.js';
import { bodyOf, positionOf, queryOf, specOf, type ListMessage, type ReadMessage } from './messages.js';
import { RpcCallers } from './rpc-caller.js';
import { RpcProblems } from './rpc-problems.js';

const commands = ['command'];

/** `TaskService` of proto/: what a write does is decided behind the same door as over REST. */
@Controller()
@UseFilters(RpcProblems)
export class TasksRpc {
  constructor(
    @Inject(TasksController) private readonly tasks: TasksController,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(RpcCallers) private readonly callers: RpcCallers,
  ) {}

  @GrpcMethod('TaskService', 'SubmitTask')
  async submit(
    message: { task?: Record<string, unknown>; idempotency_key?: string },
    metadata: Metadata,
  ): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ origin }) => {
      const body = validated(TaskBody, bodyOf(message.task, commands), { code: 'validation_failed' });
      return this.tasks.submit(origin, message.idempotency_key, body);
    });
  }

  @GrpcMethod('TaskService', 'CancelTask')
  async cancel({ id, ...said }: { id?: string; reason?: string }, metadata: Metadata): Promise<Accepted> {
    return this.callers.writing(metadata, async ({ origin }) => {
      const body = validated(CancelBody, said, { code: 'validation_failed' });
      return this.tasks.cancel(origin, idOf(id), body);
    });
  }

  @GrpcMethod('TaskService', 'GetTask')
  async get(message: ReadMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const id = idOf(message.id);
    return taskMessage(await this.queries.execute(new GetTask(caller, id, positionOf(message))));
  }

  @GrpcMethod('TaskService', 'ListTasks')
  async list(message: ListMessage, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const query = validated(TaskListQuery, queryOf(message), { code: 'invalid_parameter' });
    const page = await this.queries.execute(new ListTasks(caller, taskFilterOf(query), query));
    return { items: page.items.map(taskMessage), next_cursor: page.next_cursor };
  }

  @GrpcMethod('TaskService', 'ReadTaskOutput')
  async output({ id, ...message }: ListMessage & { id?: string }, metadata: Metadata) {
    const caller = this.callers.reader(metadata);
    const query = validated(OutputQuery, queryOf(message), { code: 'invalid_parameter' });
    const task = idOf(id);
    return this.queries.execute(new GetOutput(caller, task, outputRequestOf(query), query));
  }
}

function taskMessage(view: TaskView) {
  const { id, generation, resource_version, created_at, updated_at, status, ...rest } = view;
  const { kind, origin, schedule_id, fanout_id, ...declared } = rest;
  const resource = { id, generation, resource_version, created_at, updated_at };
  return { ...resource, kind, origin, schedule_id, fanout_id, spec: specOf(declared, commands), status };
}
