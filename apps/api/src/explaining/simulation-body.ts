import { type CommandData, type Mode } from '@fluxforge/events/catalogue';
import { type QuestionOf } from '@fluxforge/events/owner-questions';
import {
  Field,
  fine,
  flaw,
  isPlainObject,
  listOf,
  oneOf,
  resourceId,
  validated,
  type Check,
} from '../fields/index.js';
import { ProblemError, type FieldError } from '../http/index.js';
import { TaskBody } from '../tasks/task-body.js';
import { taskSpecOf } from '../tasks/task-spec.js';
import { LimitsBody } from '../tenants/tenant-bodies.js';
import { modes } from '@fluxforge/events/catalogue';

type Changes = QuestionOf<'simulate'>['changes'];

const anObject: Check = (value) => (isPlainObject(value) ? fine : flaw('wrong_type', 'must be an object'));
const mostAdded = 1_000;

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

  @Field(listOf(anObject, { min: 0, max: 100 }), {
    description: 'Tasks to be added: `{"task": ..., "count": 1}` with a task as POST /v1/tasks takes it.',
    schema: { type: 'array', items: { type: 'object' } } as never,
  })
  add_tasks?: Record<string, unknown>[];
}

/** @throws ProblemError that names the field, however deep. */
export function changesOf(body: SimulationBody, nowMs: number): Changes {
  return {
    ...(body.limits && { limits: at('limits', () => plain(validated(LimitsBody, body.limits, rejection))) }),
    ...(body.mode && { mode: body.mode }),
    drain: body.drain_agents ?? [],
    undrain: body.undrain_agents ?? [],
    tasks: (body.add_tasks ?? []).map((one, i) => addedTask(one, `add_tasks[${i}]`, nowMs)),
  };
}

const rejection = { code: 'validation_failed' } as const;

function plain(limits: LimitsBody): Changes['limits'] {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

function addedTask(one: Record<string, unknown>, path: string, nowMs: number): Changes['tasks'][number] {
  const { task, count = 1, ...rest } = one;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw invalid(`${path}.${unknown.slice(0, 64)}`, 'unknown_field', 'there is no such field');
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > mostAdded) {
    throw invalid(`${path}.count`, 'out_of_range', `must be a whole number from 1 to ${mostAdded}`);
  }
  const spec: CommandData<'task.submit'>['spec'] = at(`${path}.task`, () =>
    taskSpecOf(validated(TaskBody, task, rejection), nowMs),
  );
  return { spec, count };
}

function invalid(field: string, code: FieldError['code'], message: string): ProblemError {
  return new ProblemError('validation_failed', `${field} ${message}`, { errors: [{ field, code, message }] });
}

/** What is wrong with a part is said by its place in the whole. */
function at<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error: unknown) {
    if (!(error instanceof ProblemError)) throw error;
    const errors = (error.extras.errors ?? []).map((one) => ({ ...one, field: `${path}.${one.field}` }));
    const detail = errors.length > 0 ? error.detail : `${path}: ${error.detail}`;
    throw new ProblemError('validation_failed', detail, { errors });
  }
}
