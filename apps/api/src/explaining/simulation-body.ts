import { modes, type Mode } from '@fluxforge/events/catalogue';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import {
  Field,
  fine,
  flaw,
  inField,
  isPlainObject,
  listOf,
  objectOf,
  oneOf,
  resourceId,
  validated,
  wholeNumber,
  type Check,
} from '../fields/index.js';
import { TaskBody, taskSpecOf } from '../tasks/index.js';
import { LimitsBody, saidLimits } from '../tenants/index.js';

type Changes = QuestionOf<'simulate'>['changes'];

const anObject: Check = (value) => (isPlainObject(value) ? fine : flaw('wrong_type', 'must be an object'));
const addedTasks = objectOf({
  task: { check: anObject, required: true },
  count: { check: wholeNumber({ min: 1, max: 1_000 }) },
});

export class SimulationBody {
  @Field(anObject, {
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
    description: 'Tasks to be added: `{"task": ..., "count": 1}` with a task as POST /v1/tasks takes it.',
    schema: { type: 'array', items: { type: 'object' } } as never,
  })
  add_tasks?: { task: Record<string, unknown>; count?: number }[];
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
      spec: inField(`add_tasks[${i}].task`, () => taskSpecOf(validated(TaskBody, task, rejection), nowMs)),
      count,
    })),
  };
}

const rejection = { code: 'validation_failed' } as const;
