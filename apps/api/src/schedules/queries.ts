import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { type Page, type ScheduleFilter } from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { name, Field } from '../fields/index.js';
import { notFound } from '../http/index.js';
import { PageQuery, Reads, type PositionQuery } from '../reads/index.js';
import { scheduleView } from './schedule-body.js';

export type ScheduleView = ReturnType<typeof scheduleView>;

export class ScheduleListQuery extends PageQuery {
  @Field(name, { description: 'Only those of this name.' })
  name?: string;
}

export class GetSchedule extends Query<ScheduleView> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(GetSchedule)
export class GetScheduleHandler implements IQueryHandler<GetSchedule> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, id }: GetSchedule): Promise<ScheduleView> {
    const row = await this.reads.ask(caller, position, (models, tenant) => models.schedules.get(tenant, id));
    if (!row) throw notFound();
    return scheduleView(row);
  }
}

export class ListSchedules extends Query<Page<ScheduleView>> {
  constructor(
    readonly caller: Caller,
    readonly filter: ScheduleFilter,
    readonly position: PositionQuery,
  ) {
    super();
  }
}

@QueryHandler(ListSchedules)
export class ListSchedulesHandler implements IQueryHandler<ListSchedules> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, position, filter }: ListSchedules): Promise<Page<ScheduleView>> {
    const page = await this.reads.ask(caller, position, (models, tenant) =>
      models.schedules.list(tenant, filter),
    );
    return { items: page.items.map(scheduleView), next_cursor: page.next_cursor };
  }
}
