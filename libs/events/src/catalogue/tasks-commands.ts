import { Type } from '@sinclair/typebox';
import {
  ConcurrencyStrategy,
  Executor,
  FanoutMemberEnd,
  LiftableLimit,
  Mode,
  OverlapPolicy,
  PlacementStrategy,
  Role,
} from './closed-lists.js';
import * as p from './primitives.js';

const closed = { additionalProperties: false };

/** What a run takes of its agent, and what an agent has to give. 1,000 CPU millis are one core. */
export const Resources = Type.Object(
  {
    cpu_millis: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_024_000 })),
    memory_bytes: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 50 })),
  },
  closed,
);

/** A run takes one slot unless it asks for more. */
export const Requests = Type.Object(
  { ...Resources.properties, slots: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })) },
  closed,
);

/** At most `max` tasks of this key are leased at once. A task has one key at most, so no two can wait for each other. */
export const Concurrency = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 128 }),
    max: Type.Integer({ minimum: 1, maximum: 10_000 }),
    strategy: ConcurrencyStrategy,
  },
  closed,
);

/** What a submitter may say of a task; defaults are filled in by the API, so that the log holds them. */
export const TaskSpec = Type.Object(
  {
    name: Type.Optional(p.Name),
    labels: p.Labels,
    executor: Executor,
    command: Type.Optional(p.CommandLine),
    ...p.RunAs,
    /** Exactly this agent, or any that the selector picks. */
    agent_id: Type.Optional(p.Id),
    selector: p.Selector,
    /** 0 is the highest, 9 the lowest. */
    priority: Type.Integer({ minimum: 0, maximum: 9 }),
    not_before_ms: Type.Optional(p.TimeMs),
    /** Never starts after this time. */
    not_after_ms: Type.Optional(p.TimeMs),
    /** From being queued to being accepted by an agent. */
    delivery_timeout_ms: p.SpanMs,
    /** One run on the agent. */
    execution_timeout_ms: p.SpanMs,
    kill_grace_ms: p.SpanMs,
    max_attempts: Type.Integer({ minimum: 1, maximum: 100 }),
    backoff: p.Backoff,
    output_limit_bytes: Type.Integer({ minimum: 0, maximum: 64 * 1024 * 1024 }),
    requests: Type.Optional(Requests),
    /** `spread` (the emptiest agent first) unless said. */
    placement: Type.Optional(PlacementStrategy),
    concurrency: Type.Optional(Concurrency),
  },
  closed,
);

export const Limits = Type.Object(
  {
    max_queued_tasks: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
    max_agents: Type.Integer({ minimum: 1, maximum: 100_000 }),
    max_states: Type.Integer({ minimum: 1, maximum: 100_000 }),
    /** What is absent is not limited. */
    max_running_tasks: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    submissions_per_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    /** Submissions that may come at once; `submissions_per_s` unless said. */
    submission_burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    /** Output that the tenant's runs may make in one UTC hour, counted when leased by their own limits. */
    output_bytes_per_hour: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 50 })),
    /** Share of the tenant among those of its partition; 1 unless said. */
    weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    /** JSON of the specs of tasks that wait. Absent: as much as a new tenant has. */
    max_queued_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 40 })),
    /** JSON of what is declared: of all schedules, and as much again of all states. Absent: as much as a new tenant has. */
    max_declared_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 40 })),
  },
  closed,
);

/** What is in neither stays as it is. A name in both is refused. */
export const LimitsChange = Type.Object(
  { set: Type.Partial(Limits, closed), unset: Type.Array(LiftableLimit, { maxItems: 32 }) },
  closed,
);

/** A task to be made at each time that `cron` names. */
export const ScheduleSpec = Type.Object(
  {
    cron: p.CronExpression,
    time_zone: p.TimeZone,
    /** Each firing is put off by 0 to this, drawn from the schedule's id. */
    jitter_ms: Type.Integer({ minimum: 0, maximum: 24 * 3600 * 1000 }),
    overlap: OverlapPolicy,
    /** A firing that comes later than this (nobody was there to fire it) is counted as missed instead. */
    missed_after_ms: Type.Integer({ minimum: 1_000, maximum: 7 * 24 * 3600 * 1000 }),
    /** `not_before_ms` and `not_after_ms` of it are ignored; `max_delay_ms` says how long a firing may wait. */
    task: TaskSpec,
    max_delay_ms: Type.Optional(p.SpanMs),
  },
  closed,
);

/** One submission to many agents. `agent_id` and `selector` of the task are ignored: the members are picked here. */
export const FanoutSpec = Type.Object(
  {
    task: TaskSpec,
    selector: p.Selector,
    /** How many members may have a task at one time. */
    max_concurrency: p.Budget,
    /** When more members than this have failed, no further one is started. */
    max_failures: p.Budget,
  },
  closed,
);

/** Commands that the tasks context (dispatcher) decides. */
export const tasksCommands = {
  'tenant.create': Type.Object({ tenant_id: p.Id, name: p.Name, limits: Type.Optional(Limits) }, closed),
  /** All of them, or what is to be different: whoever changes two limits at one time undoes nobody's change. */
  'tenant.set-limits': Type.Union([
    Type.Object({ limits: Limits }, closed),
    Type.Object(
      {
        change: LimitsChange,
        /** Refused if it would raise any. Absent: it may. */
        only_lower: Type.Optional(Type.Boolean()),
      },
      closed,
    ),
  ]),
  'tenant.add-key': Type.Object({ key_id: p.Id, key_hash: p.Hash, role: Role, label: p.Name }, closed),
  'tenant.revoke-key': Type.Object({ key_id: p.Id }, closed),
  'join-token.create': Type.Object(
    { token_id: p.Id, token_hash: p.Hash, labels: p.Labels, expires_at_ms: p.TimeMs },
    closed,
  ),
  'agent.enrol': Type.Object(
    {
      agent_id: p.Id,
      name: p.Name,
      token_hash: p.Hash,
      credential_hash: p.Hash,
      labels: p.Labels,
      slots: Type.Integer({ minimum: 1, maximum: 1024 }),
      executors: Type.Array(Executor, { maxItems: 8 }),
      agent_version: Type.String({ maxLength: 64 }),
      capacity: Type.Optional(Resources),
    },
    closed,
  ),
  'agent.drain': Type.Object(
    {
      agent_id: p.Id,
      drain: Type.Boolean(),
      /** From then on what still runs is moved to other agents. Absent: it finishes, however long that takes. */
      deadline_ms: Type.Optional(p.TimeMs),
    },
    closed,
  ),
  'agent.remove': Type.Object({ agent_id: p.Id }, closed),
  'task.submit': Type.Object(
    {
      task_id: p.Id,
      spec: TaskSpec,
      /** Present when the submitter gave an idempotency key: hash of the derived id and of the body. */
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  'task.cancel': Type.Object({ task_id: p.Id, reason: Type.Optional(p.Text) }, closed),
  'tenant.set-mode': Type.Object({ mode: Mode }, closed),
  /** Sent to every partition under the reserved tenant. */
  'cluster.set-mode': Type.Object({ mode: Mode }, closed),
  /** An operator says that the silent agents are to be taken for gone. */
  'tenant.release-brake': Type.Object({}, closed),
  'agent.reset-breaker': Type.Object({ agent_id: p.Id }, closed),
  'domain.reset-breaker': Type.Object({ domain: Type.String({ minLength: 1, maxLength: 63 }) }, closed),
  'schedule.create': Type.Object({ schedule_id: p.Id, name: p.Name, spec: ScheduleSpec }, closed),
  'schedule.update': Type.Object({ schedule_id: p.Id, name: p.Name, spec: ScheduleSpec }, closed),
  'schedule.suspend': Type.Object({ schedule_id: p.Id, suspended: Type.Boolean() }, closed),
  'schedule.delete': Type.Object({ schedule_id: p.Id }, closed),
  'fanout.start': Type.Object(
    {
      fanout_id: p.Id,
      spec: FanoutSpec,
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  /** A new fan-out to exactly those members of an earlier one that came out so. */
  'fanout.retry': Type.Object(
    {
      fanout_id: p.Id,
      of_fanout_id: p.Id,
      members: Type.Array(FanoutMemberEnd, { minItems: 1, maxItems: 4 }),
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  'fanout.cancel': Type.Object({ fanout_id: p.Id, reason: Type.Optional(p.Text) }, closed),
} as const;
