import { fanoutMemberEnds, type FanoutSpec } from '@fluxforge/events/catalogue';
import { type FanoutRow } from '@fluxforge/read-models';
import { canonicalText, formatBudget, formatSelector } from '@fluxforge/domain/kernel';
import { budgetOf } from '../budgets/index.js';
import { budget, Field, listOf, objectField, oneOf, selector, text } from '../fields/index.js';
import { selectorSchema } from '../fields/schemas.js';
import { sha256Hex } from '../identifiers/index.js';
import { selectorOf } from '../selectors/index.js';
import { bodyHashOf, specView, taskTemplate } from '../tasks/index.js';

export class FanoutBody {
  @Field(selector, {
    required: true,
    description: 'Which agents; those that match now are its members, whatever becomes of labels later.',
    schema: selectorSchema,
  })
  selector: string | Record<string, string>;

  @Field(objectField, {
    required: true,
    description: 'What each of them runs, as POST /v1/tasks takes it, without agent_id and selector.',
    schema: { type: 'object' } as never,
  })
  task: Record<string, unknown>;

  @Field(budget, {
    description: 'Members that may have a task at one time: a number or a percentage.',
    schema: { default: '25%' },
  })
  max_concurrency?: string | number;

  @Field(budget, {
    description: 'When more members than this have failed, no further one is started.',
    schema: { default: '25%' },
  })
  max_failures?: string | number;
}

const retried = ['failed', 'not_started', 'unknown'] as const;
export type Retried = (typeof retried)[number];

export class FanoutRetryBody {
  @Field(listOf(oneOf(retried), { min: 1, max: retried.length }), {
    description: 'How those came out that run again; what succeeded never does.',
    schema: {
      type: 'array',
      items: { type: 'string', enum: fanoutMemberEnds.values.filter((end) => end !== 'succeeded') },
    },
  })
  members?: Retried[];
}

export const retriedUnlessSaid: readonly Retried[] = retried;

export class FanoutCancelBody {
  @Field(text({ max: 2048 }), { description: 'Why, for people.' })
  reason?: string;
}

/** @throws ProblemError that names what is wrong with the task */
export function fanoutSpecOf(body: FanoutBody, nowMs: number): FanoutSpec {
  return {
    task: taskTemplate('task', body.task, ['agent_id', 'selector'], nowMs),
    selector: selectorOf(body.selector),
    max_concurrency: budgetOf(body.max_concurrency ?? '25%'),
    max_failures: budgetOf(body.max_failures ?? '25%'),
  };
}

/** Two bodies that say the same in another order or spelling are the same fan-out. */
export function fanoutHashOf(spec: FanoutSpec, { task }: FanoutBody): string {
  const delay = typeof task['delay'] === 'string' ? task['delay'] : undefined;
  return sha256Hex(canonicalText({ ...spec, task: bodyHashOf(spec.task, delay) })).slice(0, 32);
}

/** The members that are retried are a set. */
export function retryHashOf(of: string, members: readonly Retried[]): string {
  return sha256Hex(canonicalText({ of, members: [...new Set(members)].sort() })).slice(0, 32);
}

export function fanoutView({ spec, status, ...row }: FanoutRow) {
  return {
    ...row,
    ...(spec && {
      selector: formatSelector(spec.selector),
      max_concurrency: formatBudget(spec.max_concurrency),
      max_failures: formatBudget(spec.max_failures),
      task: specView(spec.task),
    }),
    status,
  };
}
