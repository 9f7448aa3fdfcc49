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
    return { ...answer, source: 'owner', age_ms: 0 };
  }
}
