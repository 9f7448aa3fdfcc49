import { overlapPolicies, type ScheduleSpec } from '@fluxforge/events/catalogue';
import { expandMacro } from '@fluxforge/domain/cron';
import { type ScheduleRow } from '@fluxforge/read-models';
import { durationMs, formatDuration } from '../durations/index.js';
import { cronField, duration, Field, name, objectField, oneOf, timeZoneField } from '../fields/index.js';
import { specView, taskTemplate } from '../tasks/index.js';

const second = 1_000;
const hour = 3_600 * second;
const day = 24 * hour;

export class ScheduleBody {
  @Field(name, { required: true, description: 'For people; need not be unique.', schema: { maxLength: 128 } })
  name: string;

  @Field(cronField, {
    required: true,
    description:
      'Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily and so on.',
    schema: { type: 'string', example: '30 2 * * 1-5' },
  })
  cron: string;

  @Field(timeZoneField, {
    description: 'In which the fields are read.',
    schema: { type: 'string', default: 'UTC', example: 'Europe/Berlin' },
  })
  time_zone?: string;

  @Field(duration({ min: 0, max: day }), {
    description: 'Each firing is put off by up to this, by a draw that is always the same for one due time.',
    schema: { default: '0s' },
  })
  jitter?: string;

  @Field(oneOf(overlapPolicies.values), {
    description:
      'While a task of an earlier firing has not ended: allow another, forbid it (skipped), or replace (cancel) it.',
    schema: { enum: [...overlapPolicies.values], default: 'forbid' },
  })
  overlap?: 'allow' | 'forbid' | 'replace';

  @Field(duration({ min: second, max: 7 * day }), {
    description: 'A firing that would come later than this is counted as missed instead.',
    schema: { default: '1h' },
  })
  missed_after?: string;

  @Field(duration({ min: second, max: 30 * day }), {
    description: 'How long a firing may wait for its start; then it ends as expired.',
  })
  max_delay?: string;

  @Field(objectField, {
    required: true,
    description: 'What is submitted, as POST /v1/tasks takes it, without times of its own.',
    schema: { type: 'object' } as never,
  })
  task: Record<string, unknown>;
}

const defaults = { time_zone: 'UTC', jitter: '0s', overlap: 'forbid', missed_after: '1h' } as const;

/** @throws ProblemError that names what is wrong with the task */
export function scheduleSpecOf(given: ScheduleBody, nowMs: number): ScheduleSpec {
  const body = { ...defaults, ...given };
  return {
    cron: expandMacro(body.cron.trim()),
    time_zone: body.time_zone,
    jitter_ms: durationMs(body.jitter),
    overlap: body.overlap,
    missed_after_ms: durationMs(body.missed_after),
    task: taskTemplate('task', body.task, ['not_before', 'not_after', 'delay'], nowMs),
    ...(body.max_delay === undefined ? {} : { max_delay_ms: durationMs(body.max_delay) }),
  };
}

export function scheduleView({ spec, status, ...row }: ScheduleRow) {
  return {
    ...row,
    cron: spec.cron,
    time_zone: spec.time_zone,
    jitter: formatDuration(spec.jitter_ms),
    overlap: spec.overlap,
    missed_after: formatDuration(spec.missed_after_ms),
    ...(spec.max_delay_ms === undefined ? {} : { max_delay: formatDuration(spec.max_delay_ms) }),
    task: specView(spec.task),
    status,
  };
}
