import { modes, type Mode } from '@fluxforge/events/catalogue';
import { simulationBounds } from '@fluxforge/domain/tasks-context';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import {
  Field,
  fine,
  flaw,
  inField,
  listOf,
  objectField,
  objectOf,
  oneOf,
  resourceId,
  validated,
  wholeNumber,
  type Flaw,
} from '../fields/index.js';
import { taskTemplate } from '../tasks/index.js';
import { LimitsBody, saidLimits } from '../tenants/index.js';

type Changes = QuestionOf<'simulate'>['changes'];

const addedTasks = objectOf({
  task: { check: objectField, required: true },
  count: { check: wholeNumber({ min: 1, max: simulationBounds.added }) },
});

export class SimulationBody {
  @Field(objectField, {
    description: 'Limits of the tenant to be changed.',
    schema: { type: 'object' } as never,
  })
  limits?: Record<string, unknown>;

  @Field(oneOf(modes.values), { description: 'Mode of the tenant.', schema: { enum: [...modes.values] } })
  mode?: Mode;

  @Field(listOf(resourceId, { min: 0, max: 1_000 }), {
    description: 'Agents to be drained.',
    schema: { type: 'array', items: { type: 'string' } } as never,
  })
  drain_agents?: string[];

  @Field(listOf(resourceId, { min: 0, max: 1_000 }), {
    description: 'Drained agents to be given work again.',
    schema: { type: 'array', items: { type: 'string' } } as never,
  })
  undrain_agents?: string[];

  @Field(listOf(addedTasks, { min: 0, max: 100 }), {
    description:
      'Tasks to be added: `{"task": ..., "count": 1}` with a task as POST /v1/tasks takes it. ' +
      'The counts may come to 1000 together.',
    schema: { type: 'array', items: { type: 'object' } } as never,
  })
  add_tasks?: { task: Record<string, unknown>; count?: number }[];

  static consistency({ add_tasks = [] }: SimulationBody): readonly Flaw[] {
    const added = add_tasks.reduce((sum, { count = 1 }) => sum + count, 0);
    if (added <= simulationBounds.added) return fine;
    const message = `must come to ${simulationBounds.added} tasks at most, and comes to ${added}`;
    return flaw('out_of_range', message, 'add_tasks');
  }
}

/** @throws ProblemError that names the field, however deep. */
export function changesOf(body: SimulationBody, nowMs: number): Changes {
  return {
    ...(body.limits && {
      limits: inField('limits', () => saidLimits(validated(LimitsBody, body.limits, rejection))),
    }),
    ...(body.mode && { mode: body.mode }),
    drain: body.drain_agents ?? [],
    undrain: body.undrain_agents ?? [],
    tasks: (body.add_tasks ?? []).map(({ task, count = 1 }, i) => ({
      spec: taskTemplate(`add_tasks[${i}].task`, task, [], nowMs),
      count,
    })),
  };
}

const rejection = { code: 'validation_failed' } as const;
