import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { childTaskId } from '@fluxforge/domain/fanout';
import {
  fanoutPhases,
  type FanoutFilter,
  type FanoutMemberRow,
  type FanoutPhase,
  type Page,
  type PageRequest,
} from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { Field, oneOf } from '../fields/index.js';
import { notFound } from '../http/index.js';
import { PageQuery, Reads, type PositionQuery } from '../reads/index.js';
import { fanoutView } from './fanout-body.js';

export type FanoutView = ReturnType<typeof fanoutView>;

export class FanoutListQuery extends PageQuery {
  @Field(oneOf(fanoutPhases), {
    description: 'Only those in this phase.',
    schema: { enum: [...fanoutPhases] },
  })
  phase?: FanoutPhase;
}

export class GetFanout extends Query<FanoutView> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetFanout)
export class GetFanoutHandler implements IQueryHandler<GetFanout> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetFanout): Promise<FanoutView> {
    const row = await this.reads.ask(caller, position, (models, tenant) => models.fanouts.get(tenant, id));
    if (!row) throw notFound();
    return fanoutView(row);
  }
}

export class ListFanouts extends Query<Page<FanoutView>> {
  constructor(
    readonly caller: Caller,
    readonly filter: FanoutFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListFanouts)
export class ListFanoutsHandler implements IQueryHandler<ListFanouts> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, filter }: ListFanouts): Promise<Page<FanoutView>> {
    const page = await this.reads.ask(caller, position, (models, tenant) =>
      models.fanouts.list(tenant, filter),
    );
    return { items: page.items.map(fanoutView), next_cursor: page.next_cursor };
  }
}

export class ListMembers extends Query<Page<FanoutMemberRow>> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly page: PageRequest,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListMembers)
export class ListMembersHandler implements IQueryHandler<ListMembers> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id, page }: ListMembers): Promise<Page<FanoutMemberRow>> {
    const found = await this.reads.ask(caller, position, (models, tenant) =>
      models.fanouts.members(tenant, id, (place) => childTaskId(id, place), page),
    );
    if (!found) throw notFound();
    return found;
  }
}
