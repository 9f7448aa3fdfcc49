import { modes, type Mode } from '@fluxforge/events/catalogue';
import { Field, fine, oneOf, wholeNumber, type Check, type FieldOptions } from '../fields/index.js';

const count = (max: number, description: string): [ReturnType<typeof wholeNumber>, FieldOptions] => [
  wholeNumber({ min: 1, max }),
  { description, schema: { type: 'integer', minimum: 1, maximum: max } },
];

const defaultAgain = 'null: as much as a new tenant has.';

/** As `count`; null lifts the limit. */
const liftable = (max: number, description: string, lifted = 'null lifts it.'): [Check, FieldOptions] => {
  const [check] = count(max, description);
  const orNull: Check = (value) => (value === null ? fine : check(value));
  const schema = { type: 'integer', minimum: 1, maximum: max, nullable: true } as const;
  return [orNull, { description: `${description} ${lifted}`, schema }];
};

/** What is left out stays as it is. */
export class LimitsBody {
  @Field(...count(10_000_000, 'Tasks that wait at one time.'))
  max_queued_tasks?: number;

  @Field(...count(100_000, 'Agents.'))
  max_agents?: number;

  @Field(...count(100_000, 'Declared states.'))
  max_states?: number;

  @Field(...liftable(1_000_000, 'Tasks that run at one time.'))
  max_running_tasks?: number | null;

  @Field(...liftable(100_000, 'Submissions a second, on average.'))
  submissions_per_s?: number | null;

  @Field(...liftable(1_000_000, 'Submissions that may come at once; `submissions_per_s` unless said.'))
  submission_burst?: number | null;

  @Field(...liftable(2 ** 50, 'Bytes of output that runs may make in one UTC hour.'))
  output_bytes_per_hour?: number | null;

  @Field(...liftable(2 ** 40, 'Bytes of JSON that the tasks which wait at one time take.', defaultAgain))
  max_queued_bytes?: number | null;

  @Field(
    ...liftable(
      2 ** 40,
      'Bytes of JSON that all schedules take, and as much again all states.',
      defaultAgain,
    ),
  )
  max_declared_bytes?: number | null;

  @Field(...liftable(1_000, 'Share among the tenants of a partition; 1 unless said.'))
  weight?: number | null;
}

export class ModeBody {
  @Field(oneOf(modes.values), {
    required: true,
    description: 'degraded admits priorities 0 to 2, read-only nothing; draining starts nothing either.',
    schema: { enum: [...modes.values] },
  })
  mode: Mode;
}
