import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  type EntityRef,
  type EventFilter,
  type EventRow,
  type Page,
  type ReadModels,
} from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { Field, oneOf, text, time } from '../fields/index.js';
import { notFound } from '../http/index.js';
import { PageQuery, pageOf, Reads } from '../reads/index.js';

export class EventsQuery extends PageQuery {
  @Field(text({ min: 1, max: 64 }), { description: 'Only of this type, such as `drift.detected`.' })
  type?: string;

  @Field(time, { description: 'Not before.', schema: { format: 'date-time' } })
  since?: string;

  @Field(time, { description: 'Before.', schema: { format: 'date-time' } })
  until?: string;

  @Field(oneOf(['asc', 'desc']), {
    description: 'desc: newest first.',
    schema: { enum: ['asc', 'desc'], default: 'asc' },
  })
  order?: 'asc' | 'desc';
}

/** Events of one entity, as the log holds them. */
export class GetEvents extends Query<Page<EventRow>> {
  constructor(
    readonly caller: Caller,
    readonly entity: EntityRef,
    readonly query: EventsQuery,
  ) {
    super();
  }
}

@QueryHandler(GetEvents)
export class GetEventsHandler implements IQueryHandler<GetEvents> {
  constructor(@Inject(Reads) private readonly reads: Reads) {}

  async execute({ caller, entity, query }: GetEvents): Promise<Page<EventRow>> {
    const page = await this.reads.ask(caller, query, async (models, tenant) => {
      const found = await models.events.ofEntity(tenant, entity, filterOf(query));
      // History outlives what it is about. But an id that has neither is nobody's.
      return found.items.length > 0 || (await exists(models, tenant, entity)) ? found : null;
    });
    if (!page) throw notFound();
    return page;
  }
}

function filterOf(query: EventsQuery): EventFilter {
  return {
    ...pageOf(query),
    ...(query.type === undefined ? {} : { type: query.type }),
    ...(query.since === undefined ? {} : { since: query.since }),
    ...(query.until === undefined ? {} : { until: query.until }),
    ...(query.order === 'desc' ? { descending: true } : {}),
  };
}

async function exists(models: ReadModels, tenant: string, { kind, id }: EntityRef): Promise<boolean> {
  switch (kind) {
    case 'task':
      return (await models.tasks.get(tenant, id)) !== null;
    case 'state':
      return (await models.states.get(tenant, id)) !== null;
    case 'agent':
      return (await models.agents.get(tenant, id)) !== null;
  }
}
