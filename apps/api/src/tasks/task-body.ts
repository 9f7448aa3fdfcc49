import {
  concurrencyStrategies,
  executors,
  placementStrategies,
  type ConcurrencyStrategy,
  type PlacementStrategy,
  type Requests,
} from '@fluxforge/events/catalogue';
import {
  backoff,
  commandLine,
  directoryPath,
  duration,
  environment,
  Field,
  fine,
  flaw,
  labels,
  name,
  objectOf,
  oneOf,
  resourceId,
  selector,
  text,
  time,
  userName,
  wholeNumber,
  type Flaw,
} from '../fields/index.js';
import {
  backoffSchema,
  commandSchema,
  concurrencySchema,
  labelsSchema,
  requestsSchema,
  selectorSchema,
} from '../fields/schemas.js';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

const requests = objectOf({
  cpu_millis: { check: wholeNumber({ min: 0, max: 1_024_000 }) },
  memory_bytes: { check: wholeNumber({ min: 0, max: 2 ** 50 }) },
  slots: { check: wholeNumber({ min: 1, max: 1024 }) },
});

const concurrency = objectOf({
  key: { check: text({ min: 1, max: 128 }), required: true },
  max: { check: wholeNumber({ min: 1, max: 10_000 }) },
  strategy: { check: oneOf(concurrencyStrategies.values) },
});

/** A task as it is submitted. Fields left out have the defaults of `task-spec.ts`. */
export class TaskBody {
  @Field(name, { description: 'For people; need not be unique.', schema: { maxLength: 128 } })
  name?: string;

  @Field(labels, { description: 'Labels of the task itself.', schema: labelsSchema })
  labels?: Record<string, string>;

  @Field(oneOf(executors.values), {
    description: 'How it is run. noop does nothing, for tests and measures.',
    schema: { enum: [...executors.values], default: 'shell' },
  })
  executor?: 'shell' | 'noop';

  @Field(commandLine, {
    description: 'Needed for executor shell. Runs at least once: it may run twice.',
    schema: commandSchema,
  })
  command?: string | string[];

  @Field(environment, { description: 'Variables beside those of the agent.', schema: labelsSchema })
  env?: Record<string, string>;

  @Field(directoryPath, { description: 'Working directory.' })
  cwd?: string;

  @Field(userName, { description: 'User that it runs as; the agent must run as root for it.' })
  run_as?: string;

  @Field(resourceId, { description: 'This agent and no other.' })
  agent_id?: string;

  @Field(selector, { description: 'Any agent that it picks; left out, any agent.', schema: selectorSchema })
  selector?: string | Record<string, string>;

  @Field(wholeNumber({ min: 0, max: 9 }), {
    description: '0 is the highest, 9 the lowest.',
    schema: { type: 'integer', default: 5, minimum: 0, maximum: 9 },
  })
  priority?: number;

  @Field(time, { description: 'Not started before.', schema: { format: 'date-time' } })
  not_before?: string;

  @Field(duration({ min: 0, max: 30 * day }), {
    description: 'Not started before this long after it was submitted; instead of `not_before`.',
  })
  delay?: string;

  @Field(time, { description: 'Never started after; ends as expired.', schema: { format: 'date-time' } })
  not_after?: string;

  @Field(duration({ min: second, max: 30 * day }), {
    description: 'From being queued to being accepted by an agent.',
    schema: { default: '1h' },
  })
  delivery_timeout?: string;

  @Field(duration({ min: 100, max: 7 * day }), { description: 'Of one run.', schema: { default: '1h' } })
  execution_timeout?: string;

  @Field(duration({ min: 0, max: hour / 12 }), {
    description: 'Between TERM and KILL. 0s kills at once.',
    schema: { default: '10s' },
  })
  kill_grace?: string;

  @Field(wholeNumber({ min: 1, max: 100 }), {
    description: 'Runs before the task has failed.',
    schema: { type: 'integer', default: 3, minimum: 1, maximum: 100 },
  })
  max_attempts?: number;

  @Field(backoff, {
    description: 'Wait between attempts: base x 2^(n-1), at most max.',
    schema: backoffSchema,
  })
  backoff?: { base: string; max: string };

  @Field(wholeNumber({ min: 0, max: 64 * 1024 * 1024 }), {
    description: 'Of each stream of one run; more is cut off and marked. With 0 nothing is kept.',
    schema: { type: 'integer', default: 1_048_576, minimum: 0, maximum: 67_108_864 },
  })
  output_limit_bytes?: number;

  @Field(requests, {
    description: 'What a run takes of its agent; one slot unless said.',
    schema: requestsSchema,
  })
  requests?: Requests;

  @Field(oneOf(placementStrategies.values), {
    description: 'spread: the emptiest agent first; pack: the fullest that still has room.',
    schema: { enum: [...placementStrategies.values], default: 'spread' },
  })
  placement?: PlacementStrategy;

  @Field(concurrency, {
    description:
      'At most `max` tasks of the tenant with this key run at one time; each task is held to its own `max`. ' +
      'queue and round-robin wait, drop-new is rejected, cancel-running cancels the oldest.',
    schema: concurrencySchema,
  })
  concurrency?: { key: string; max?: number; strategy?: ConcurrencyStrategy };

  static consistency(body: TaskBody): readonly Flaw[] {
    const hasCommand = body.command !== undefined;
    if ((body.executor ?? 'shell') === 'shell' && !hasCommand) {
      return flaw('required', 'is missing; only executor noop can do without', 'command');
    }
    if (body.executor === 'noop' && hasCommand)
      return flaw('inconsistent', 'noop runs no command', 'command');
    if (body.agent_id !== undefined && body.selector !== undefined) {
      return flaw('inconsistent', 'give agent_id or selector, not both', 'selector');
    }
    if (body.delay !== undefined && body.not_before !== undefined) {
      return flaw('inconsistent', 'give delay or not_before, not both', 'delay');
    }
    if (body.not_before && body.not_after && Date.parse(body.not_before) >= Date.parse(body.not_after)) {
      return flaw('inconsistent', 'must be after not_before', 'not_after');
    }
    return fine;
  }
}

export class CancelBody {
  @Field(text({ max: 2048 }), { description: 'Why, for people.' })
  reason?: string;
}
