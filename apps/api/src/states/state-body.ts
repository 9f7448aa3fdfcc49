import { stateModes } from '@fluxforge/events/catalogue';
import {
  backoff,
  budget,
  commandLine,
  directoryPath,
  duration,
  environment,
  Field,
  fine,
  flaw,
  labels,
  name,
  oneOf,
  selector,
  userName,
  wholeNumber,
  yesOrNo,
  type Flaw,
} from '../fields/index.js';
import { windowList, type WindowBody } from './windows.js';
import { commandSchema, labelsSchema, backoffSchema, selectorSchema } from '../fields/schemas.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** A state as it is declared. Fields left out have the defaults of `state-spec.ts`. */
export class StateBody {
  @Field(name, { required: true, description: 'Unique in the tenant.', schema: { maxLength: 128 } })
  name: string;

  @Field(labels, { description: 'Labels of the state itself.', schema: labelsSchema })
  labels?: Record<string, string>;

  @Field(commandLine, {
    required: true,
    description: 'Exit 0: compliant. Another exit: drifted. 126, 127, a signal or a timeout: unknown.',
    schema: commandSchema,
  })
  check_cmd: string | string[];

  @Field(commandLine, {
    description: 'Makes it so. Needed unless mode is check_only. May run more than once.',
    schema: commandSchema,
  })
  apply_cmd?: string | string[];

  @Field(selector, {
    required: true,
    description: 'Which agents: `role=web,zone in (a,b),!gpu`, `*` for all, or an object of labels.',
    schema: selectorSchema,
  })
  selector: string | Record<string, string>;

  @Field(duration({ min: second, max: 7 * 24 * hour }), {
    description: 'Between two checks of a target.',
    schema: { default: '60s' },
  })
  interval?: string;

  @Field(duration({ min: 100, max: hour }), { description: 'Of one check.', schema: { default: '30s' } })
  check_timeout?: string;

  @Field(duration({ min: 100, max: 24 * hour }), { description: 'Of one apply.', schema: { default: '10m' } })
  apply_timeout?: string;

  @Field(userName, { description: 'User that the commands run as; the agent must run as root for it.' })
  run_as?: string;

  @Field(environment, { description: 'Variables beside those of the agent.', schema: labelsSchema })
  env?: Record<string, string>;

  @Field(directoryPath, { description: 'Working directory.' })
  cwd?: string;

  @Field(oneOf(stateModes.values), {
    description: 'enforce applies on drift, check_only reports it.',
    schema: { enum: [...stateModes.values], default: 'enforce' },
  })
  mode?: 'enforce' | 'check_only';

  @Field(budget, {
    description: 'Agents that may be remediated at one time: a number or a percentage.',
    schema: { default: '25%' },
  })
  max_concurrency?: string | number;

  @Field(budget, {
    description: 'Above this many agents given up, no further remediation is started.',
    schema: { default: '25%' },
  })
  max_failures?: string | number;

  @Field(wholeNumber({ min: 1, max: 100 }), {
    description: 'Runs of apply_cmd per agent and drift before a person is asked.',
    schema: { type: 'integer', default: 3, minimum: 1, maximum: 100 },
  })
  attempts?: number;

  @Field(backoff, {
    description: 'Wait between attempts: base x 2^(n-1), at most max.',
    schema: backoffSchema,
  })
  backoff?: { base: string; max: string };

  @Field(wholeNumber({ min: 0, max: 9 }), {
    description: '0 is the highest, 9 the lowest.',
    schema: { type: 'integer', default: 5, minimum: 0, maximum: 9 },
  })
  priority?: number;

  @Field(yesOrNo, {
    description: 'Whether an apply of this state waits for other applies on its agent, and they for it.',
    schema: { type: 'boolean', default: true },
  })
  exclusive?: boolean;

  @Field(windowList, {
    description:
      'When an apply may begin: in an allow window (at all times without one), never in a deny window. One that has begun may end after it. Checks go on.',
    schema: {
      type: 'array',
      maxItems: 16,
      items: {
        type: 'object',
        required: ['effect', 'cron', 'time_zone', 'duration'],
        properties: {
          effect: { type: 'string', enum: ['allow', 'deny'] },
          cron: {
            type: 'string',
            description: 'Five fields; the window opens at each time.',
            example: '0 22 * * 1-5',
          },
          time_zone: { type: 'string', example: 'Europe/Berlin' },
          duration: { type: 'string', example: '6h' },
        },
      },
    },
  })
  windows?: WindowBody[];

  static consistency(body: StateBody): readonly Flaw[] {
    if (body.mode === 'check_only' || body.apply_cmd !== undefined) return fine;
    // A patch has no check_cmd of its own when it leaves the commands alone; the whole is looked at then.
    if (body.check_cmd === undefined) return fine;
    return flaw('required', 'is missing; only mode check_only can do without', 'apply_cmd');
  }
}
