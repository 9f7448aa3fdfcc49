import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { type OutputPage, type OutputRequest, type Page, type TaskFilter } from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { notFound } from '../http/index.js';
import { Reads, type PositionQuery } from '../reads/index.js';
import { attemptView, taskView } from './task-spec.js';

export type TaskView = ReturnType<typeof taskView>;
export type AttemptView = ReturnType<typeof attemptView>;

export class GetTask extends Query<TaskView> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetTask)
export class GetTaskHandler implements IQueryHandler<GetTask> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetTask): Promise<TaskView> {
    const row = await this.reads.ask(caller, position, (models, tenant) => models.tasks.get(tenant, id));
    if (!row) throw notFound();
    return taskView(row);
  }
}

export class ListTasks extends Query<Page<TaskView>> {
  constructor(
    readonly caller: Caller,
    readonly filter: TaskFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListTasks)
export class ListTasksHandler implements IQueryHandler<ListTasks> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, filter }: ListTasks): Promise<Page<TaskView>> {
    const page = await this.reads.ask(caller, position, (models, tenant) =>
      models.tasks.list(tenant, filter),
    );
    return { items: page.items.map(taskView), next_cursor: page.next_cursor };
  }
}

export class GetAttempts extends Query<{ readonly items: readonly AttemptView[] }> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetAttempts)
export class GetAttemptsHandler implements IQueryHandler<GetAttempts> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetAttempts) {
    const rows = await this.reads.ask(caller, position, async (models, tenant) =>
      (await models.tasks.get(tenant, id)) ? models.tasks.attempts(tenant, id) : null,
    );
    if (!rows) throw notFound();
    return { items: rows.map(attemptView) };
  }
}

export class GetOutput extends Query<OutputPage> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly request: OutputRequest,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetOutput)
export class GetOutputHandler implements IQueryHandler<GetOutput> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id, request }: GetOutput): Promise<OutputPage> {
    const page = await this.reads.ask(caller, position, async (models, tenant) =>
      (await models.tasks.get(tenant, id)) ? models.output.read(tenant, id, request) : null,
    );
    if (!page) throw notFound();
    return page;
  }
}
