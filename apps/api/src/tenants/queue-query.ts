import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { type Caller } from '../directory/index.js';
import { notFound } from '../http/index.js';
import { Owners } from '../owners/index.js';
import { HotQueues } from '../shedding/index.js';

export class GetQueue extends Query<unknown> {
  constructor(readonly caller: Caller) {
    super();
  }
}

@QueryHandler(GetQueue)
export class GetQueueHandler implements IQueryHandler<GetQueue> {
  constructor(
    @Inject(HotQueues) private readonly hotQueues: HotQueues,
    @Inject(Owners) private readonly owners: Owners,
  ) {}

  async execute({ caller: { tenantId } }: GetQueue): Promise<unknown> {
    const mirrored = await this.hotQueues.mirrored(tenantId);
    if (mirrored) {
      const { queue, ageMs } = mirrored;
      const waitMs = queue.ready === 0 ? 0 : queue.oldest_wait_ms + ageMs;
      return { ...queue, oldest_wait_ms: waitMs, source: 'mirror', age_ms: ageMs };
    }
    const answer = await this.owners.ask('tasks', { kind: 'queue', tenant_id: tenantId });
    if (typeof answer !== 'object' || answer === null) throw notFound();
    const { pulse: _internal, ...queue } = answer as Record<string, unknown>;
    return { ...queue, source: 'owner', age_ms: 0 };
  }
}

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
