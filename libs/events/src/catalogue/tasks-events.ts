import { Type } from '@sinclair/typebox';
import {
  AttemptOutcome,
  BreakerScope,
  Executor,
  FanoutMemberEnd,
  Mode,
  ReasonCode,
  Role,
  TaskEnd,
  TaskKind,
} from './closed-lists.js';
import * as p from './primitives.js';
import { FanoutSpec, Limits, Resources, ScheduleSpec, TaskSpec } from './tasks-commands.js';

const closed = { additionalProperties: false };

/** Where a reconciliation task comes from: the remediation of one target. */
export const Origin = Type.Object(
  { state_id: p.Id, agent_id: p.Id, generation: p.Generation, attempt: p.Attempt },
  closed,
);

/** Of what a task is one of many: a firing of a schedule, or a member of a fan-out. */
export const Batch = Type.Object(
  { schedule_id: Type.Optional(p.Id), due_ms: Type.Optional(p.TimeMs), fanout_id: Type.Optional(p.Id) },
  closed,
);

/** It took one submission from the tenant's bucket. Left out by logs from before such things did. */
const Charged = Type.Literal(true);

const breaker = { scope: BreakerScope, name: Type.String({ minLength: 1, maxLength: 128 }) };

const run = { task_id: p.Id, life: p.Life, attempt: p.Attempt, agent_id: p.Id };

const runResult = {
  outcome: AttemptOutcome,
  exit_code: Type.Optional(Type.Integer()),
  signal: Type.Optional(Type.String({ maxLength: 32 })),
  started_at_ms: Type.Optional(p.TimeMs),
  duration_ms: Type.Optional(p.SpanMs),
  output: Type.Optional(p.OutputSummary),
  message: Type.Optional(p.Text),
};

/** Events of the tasks context: tenants, agents and tasks. */
export const tasksEvents = {
  'tenant.created': Type.Object({ tenant_id: p.Id, name: p.Name, limits: Limits }, closed),
  'tenant.limits-set': Type.Object({ limits: Limits }, closed),
  'tenant.key-added': Type.Object({ key_id: p.Id, key_hash: p.Hash, role: Role, label: p.Name }, closed),
  'tenant.key-revoked': Type.Object({ key_id: p.Id }, closed),
  'join-token.created': Type.Object(
    { token_id: p.Id, token_hash: p.Hash, labels: p.Labels, expires_at_ms: p.TimeMs },
    closed,
  ),
  'agent.enrolled': Type.Object(
    {
      agent_id: p.Id,
      name: p.Name,
      token_id: p.Id,
      credential_hash: p.Hash,
      /** Labels of the join token; an agent cannot change these by itself. */
      token_labels: p.Labels,
      labels: p.Labels,
      slots: Type.Integer({ minimum: 1, maximum: 1024 }),
      executors: Type.Array(Executor, { maxItems: 8 }),
      agent_version: Type.String({ maxLength: 64 }),
      capacity: Type.Optional(Resources),
    },
    closed,
  ),
  'agent.found': Type.Object({ agent_id: p.Id, reason: ReasonCode }, closed),
  'agent.lost': Type.Object({ agent_id: p.Id, reason: ReasonCode }, closed),
  /** What a decision reads of an agent beyond its momentary load, as the agent said it when it connected. */
  'agent.changed': Type.Object(
    {
      agent_id: p.Id,
      labels: p.Labels,
      slots: Type.Integer({ minimum: 1, maximum: 1024 }),
      executors: Type.Array(Executor, { maxItems: 8 }),
      agent_version: Type.String({ maxLength: 64 }),
      capacity: Type.Optional(Resources),
    },
    closed,
  ),
  'agent.drain-set': Type.Object(
    { agent_id: p.Id, drain: Type.Boolean(), deadline_ms: Type.Optional(p.TimeMs) },
    closed,
  ),
  'agent.removed': Type.Object({ agent_id: p.Id }, closed),
  'task.queued': Type.Object(
    {
      task_id: p.Id,
      life: p.Life,
      kind: TaskKind,
      spec: TaskSpec,
      origin: Type.Optional(Origin),
      batch: Type.Optional(Batch),
      /** False: an apply that may run beside others on its agent. */
      exclusive: Type.Optional(Type.Boolean()),
      keyed: Type.Optional(p.Keyed),
      /** W3C trace context of the submission: handed to the agent with each lease. */
      traceparent: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    },
    closed,
  ),
  /** Refused at admission: the task's whole life in one event. */
  'task.rejected': Type.Object(
    {
      task_id: p.Id,
      life: p.Life,
      kind: TaskKind,
      reason: ReasonCode,
      message: p.Text,
      origin: Type.Optional(Origin),
      batch: Type.Optional(Batch),
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  'task.leased': Type.Object(
    {
      ...run,
      lease_ms: p.SpanMs,
      /** Why now and why there, for `explain`: waited, effective priority, agents considered. */
      decision: Type.Object(
        {
          waited_ms: p.SpanMs,
          effective_priority: Type.Number(),
          candidates: p.Count,
          /** What the lease charged its tenant in advance, put right when it ends. */
          charged_ms: Type.Optional(p.SpanMs),
          /** The lease that shows whether a breaker may close. */
          probe: Type.Optional(Type.Boolean()),
          /** The failure domain of the agent at that time. */
          domain: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
        },
        closed,
      ),
    },
    closed,
  ),
  'task.started': Type.Object({ ...run, started_at_ms: p.TimeMs }, closed),
  /** A run that did not end the task: it is queued again, not before `retry_at_ms`. */
  'task.attempt-ended': Type.Object(
    { ...run, ...runResult, reason: ReasonCode, retry_at_ms: p.TimeMs },
    closed,
  ),
  'task.cancel-requested': Type.Object(
    { task_id: p.Id, life: p.Life, reason: ReasonCode, message: Type.Optional(p.Text) },
    closed,
  ),
  'task.ended': Type.Object(
    {
      task_id: p.Id,
      life: p.Life,
      end: TaskEnd,
      reason: ReasonCode,
      /** The run that decided it; absent when none did. */
      attempt: Type.Optional(p.Attempt),
      agent_id: Type.Optional(p.Id),
      attempts_used: p.Count,
      origin: Type.Optional(Origin),
      ...runResult,
      outcome: Type.Optional(AttemptOutcome),
    },
    closed,
  ),
  /** The run is to stop here and go on elsewhere; the end of the attempt decides. */
  'task.move-requested': Type.Object({ ...run, reason: ReasonCode }, closed),
  'tenant.mode-set': Type.Object({ mode: Mode, reason: ReasonCode }, closed),
  /** For the depth of its own queue; it stands beside the mode that was set for the tenant, and the stricter holds. */
  'tenant.overload-set': Type.Object({ mode: Mode, reason: ReasonCode }, closed),
  /** Of one partition. What an operator set and what overload called for stand side by side; the stricter holds. */
  'cluster.mode-set': Type.Object({ mode: Mode, reason: ReasonCode, by: p.ModeSource }, closed),
  /** Agents fell silent in numbers: leases that ran out are not given again until `until_ms` or an operator's word. */
  'tenant.brake-set': Type.Object(
    {
      braked: Type.Boolean(),
      reason: ReasonCode,
      until_ms: Type.Optional(p.TimeMs),
      lost_agents: p.Count,
      agents: p.Count,
    },
    closed,
  ),
  'breaker.opened': Type.Object(
    { ...breaker, reason: ReasonCode, until_ms: p.TimeMs, failures: p.Count },
    closed,
  ),
  'breaker.half-opened': Type.Object({ ...breaker, reason: ReasonCode }, closed),
  'breaker.closed': Type.Object({ ...breaker, reason: ReasonCode }, closed),
  /** `next_ms`: the firing that follows, jitter included; absent when the expression names no further time. */
  'schedule.created': Type.Object(
    {
      schedule_id: p.Id,
      name: p.Name,
      spec: ScheduleSpec,
      generation: p.Generation,
      next_due_ms: Type.Optional(p.TimeMs),
      next_ms: Type.Optional(p.TimeMs),
      charged: Type.Optional(Charged),
    },
    closed,
  ),
  'schedule.updated': Type.Object(
    {
      schedule_id: p.Id,
      name: p.Name,
      spec: ScheduleSpec,
      generation: p.Generation,
      next_due_ms: Type.Optional(p.TimeMs),
      next_ms: Type.Optional(p.TimeMs),
      charged: Type.Optional(Charged),
    },
    closed,
  ),
  'schedule.suspended': Type.Object(
    {
      schedule_id: p.Id,
      suspended: Type.Boolean(),
      next_due_ms: Type.Optional(p.TimeMs),
      next_ms: Type.Optional(p.TimeMs),
    },
    closed,
  ),
  'schedule.deleted': Type.Object({ schedule_id: p.Id }, closed),
  /** One due time was dealt with: `task_id` when it became a task, `skipped` when it did not. */
  'schedule.fired': Type.Object(
    {
      schedule_id: p.Id,
      due_ms: p.TimeMs,
      task_id: Type.Optional(p.Id),
      skipped: Type.Optional(ReasonCode),
      /** Due times before `due_ms` that nobody was there to fire; counted up to 10,000. */
      missed: p.Count,
      next_due_ms: Type.Optional(p.TimeMs),
      next_ms: Type.Optional(p.TimeMs),
    },
    closed,
  ),
  /** `members` never changes after this, whoever joins or is relabelled. */
  'fanout.started': Type.Object(
    {
      fanout_id: p.Id,
      spec: FanoutSpec,
      members: Type.Array(p.Id, { minItems: 1, maxItems: 10_000 }),
      retry_of: Type.Optional(p.Id),
      charged: Type.Optional(Charged),
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  'fanout.rejected': Type.Object(
    {
      fanout_id: p.Id,
      reason: ReasonCode,
      message: p.Text,
      keyed: Type.Optional(p.Keyed),
    },
    closed,
  ),
  'fanout.cancelled': Type.Object({ fanout_id: p.Id, message: Type.Optional(p.Text) }, closed),
  'fanout.ended': Type.Object(
    {
      fanout_id: p.Id,
      reason: ReasonCode,
      succeeded: p.Count,
      failed: p.Count,
      not_started: p.Count,
      unknown: p.Count,
      /** Whoever did not succeed, by how it came out. */
      members: Type.Array(Type.Object({ agent_id: p.Id, end: FanoutMemberEnd }, closed), {
        maxItems: 10_000,
      }),
    },
    closed,
  ),
  /** A report that moved nothing: of an earlier attempt, of another life, or after the end. */
  'task.report-ignored': Type.Object({ ...run, ...runResult, current_attempt: p.Count }, closed),
} as const;
