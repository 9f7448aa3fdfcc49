import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  type Page,
  type StateFilter,
  type StateRow,
  type TargetFilter,
  type TargetRow,
} from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { notFound } from '../http/index.js';
import { Reads, type PositionQuery } from '../reads/index.js';
import { stateView } from './state-spec.js';

export type StateView = ReturnType<typeof stateView>;

export class GetState extends Query<StateRow> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetState)
export class GetStateHandler implements IQueryHandler<GetState> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetState): Promise<StateRow> {
    const row = await this.reads.ask(caller, position, (models, tenant) => models.states.get(tenant, id));
    if (!row) throw notFound();
    return row;
  }
}

export class ListStates extends Query<Page<StateView>> {
  constructor(
    readonly caller: Caller,
    readonly filter: StateFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListStates)
export class ListStatesHandler implements IQueryHandler<ListStates> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, filter }: ListStates): Promise<Page<StateView>> {
    const page = await this.reads.ask(caller, position, (models, tenant) =>
      models.states.list(tenant, filter),
    );
    return { items: page.items.map(stateView), next_cursor: page.next_cursor };
  }
}

export class ListTargets extends Query<Page<TargetRow>> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly filter: TargetFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListTargets)
export class ListTargetsHandler implements IQueryHandler<ListTargets> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id, filter }: ListTargets): Promise<Page<TargetRow>> {
    const page = await this.reads.ask(caller, position, async (models, tenant) =>
      (await models.states.get(tenant, id)) ? models.states.targets(tenant, id, filter) : null,
    );
    if (!page) throw notFound();
    return page;
  }
}
