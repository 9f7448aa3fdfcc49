import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { type Caller } from '../directory/index.js';
import { notFound } from '../http/index.js';
import { Owners } from '../owners/index.js';

export class GetBreakers extends Query<unknown> {
  constructor(readonly caller: Caller) {
    super();
  }
}

@QueryHandler(GetBreakers)
export class GetBreakersHandler implements IQueryHandler<GetBreakers> {
  constructor(@Inject(Owners) private readonly owners: Owners) {}

  async execute({ caller: { tenantId } }: GetBreakers): Promise<unknown> {
    const answer = await this.owners.ask('tasks', { kind: 'breakers', tenant_id: tenantId });
    if (answer === null) throw notFound();
    return answer;
  }
}
