import { Inject } from '@nestjs/common';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { endedSentence } from '@fluxforge/domain/tasks-context';
import { type Caller } from '../directory/index.js';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import { notFound, ProblemError } from '../http/index.js';
import { Reads } from '../reads/index.js';
import { Owners } from '../owners/index.js';

export class ExplainTask extends Query<unknown> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly asOfMs: number | null,
  ) {
    super();
  }
}

@QueryHandler(ExplainTask)
export class ExplainTaskHandler implements IQueryHandler<ExplainTask> {
  constructor(
    @Inject(Owners) private readonly owners: Owners,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  /** What ended long ago the owner has forgotten; the read model has not. */
  async execute({ caller, id, asOfMs }: ExplainTask): Promise<unknown> {
    const answer = await this.owners.ask('tasks', {
      kind: 'explain-task',
      tenant_id: caller.tenantId,
      task_id: id,
      ...asOf(asOfMs),
    });
    if (answer !== null) return readable(answer);
    if (asOfMs !== null) throw notFound();
    const row = await this.reads.ask(caller, {}, (models, tenant) => models.tasks.get(tenant, id));
    if (!row?.status.end) throw notFound();
    const { end, reason, ended_at, attempts_used } = row.status;
    const message = endedSentence(end, reason, ended_at);
    return { phase: 'ended', message, end, reason, ended_at, attempts_used };
  }
}

export class ExplainTarget extends Query<unknown> {
  constructor(
    readonly caller: Caller,
    readonly stateId: string,
    readonly agentId: string,
    readonly asOfMs: number | null,
  ) {
    super();
  }
}

@QueryHandler(ExplainTarget)
export class ExplainTargetHandler implements IQueryHandler<ExplainTarget> {
  constructor(@Inject(Owners) private readonly owners: Owners) {}

  /** While a remediation waits as a task, what holds that task back is part of the answer. */
  async execute({ caller, stateId, agentId, asOfMs }: ExplainTarget): Promise<unknown> {
    const target = await this.owners.ask('states', {
      kind: 'explain-target',
      tenant_id: caller.tenantId,
      state_id: stateId,
      agent_id: agentId,
      ...asOf(asOfMs),
    });
    if (target === null || typeof target !== 'object') throw notFound();
    if ('absent' in target) throw new ProblemError('not_found', String(target.absent));
    readable(target);
    const taskId = 'task_id' in target && typeof target.task_id === 'string' ? target.task_id : null;
    if (taskId === null) return { ...target, task: null };
    const tenant = caller.tenantId;
    const task = await this.owners.ask('tasks', {
      kind: 'explain-task',
      tenant_id: tenant,
      task_id: taskId,
      ...asOf(asOfMs),
    });
    return { ...target, task: readable(task) };
  }
}

function asOf(atMs: number | null) {
  return atMs === null ? {} : { as_of_ms: atMs };
}

function readable(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('too_long' in answer)) return answer;
  throw new ProblemError(
    'history_too_long',
    `One question may have ${String(answer.too_long)} records read.`,
  );
}

export class Simulate extends Query<unknown> {
  constructor(
    readonly caller: Caller,
    readonly changes: QuestionOf<'simulate'>['changes'],
  ) {
    super();
  }
}

@QueryHandler(Simulate)
export class SimulateHandler implements IQueryHandler<Simulate> {
  constructor(@Inject(Owners) private readonly owners: Owners) {}

  async execute({ caller, changes }: Simulate): Promise<unknown> {
    const question = { kind: 'simulate', tenant_id: caller.tenantId, changes } as const;
    const answer = await this.owners.ask('tasks', question);
    if (answer === null) throw notFound();
    if (typeof answer === 'object' && 'too_large' in answer) {
      const bound = String(answer.too_large);
      const detail = `Tenants with more than ${bound} live tasks and agents in all cannot be simulated.`;
      throw new ProblemError('conflict', detail);
    }
    return answer;
  }
}
