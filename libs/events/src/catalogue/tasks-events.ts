import { Type } from '@sinclair/typebox';
import { AttemptOutcome, Executor, ReasonCode, Role, TaskEnd, TaskKind } from './closed-lists.js';
import * as p from './primitives.js';
import { Limits, TaskSpec } from './tasks-commands.js';

const closed = { additionalProperties: false };

/** Where a reconciliation task comes from: the remediation of one target. */
export const Origin = Type.Object(
  { state_id: p.Id, agent_id: p.Id, generation: p.Generation, attempt: p.Attempt },
  closed,
);

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
    },
    closed,
  ),
  'agent.drain-set': Type.Object({ agent_id: p.Id, drain: Type.Boolean() }, closed),
  'agent.removed': Type.Object({ agent_id: p.Id }, closed),
  'task.queued': Type.Object(
    {
      task_id: p.Id,
      life: p.Life,
      kind: TaskKind,
      spec: TaskSpec,
      origin: Type.Optional(Origin),
      keyed: Type.Optional(Type.Object({ key_hash: p.Hash, body_hash: p.Hash }, closed)),
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
      keyed: Type.Optional(Type.Object({ key_hash: p.Hash, body_hash: p.Hash }, closed)),
    },
    closed,
  ),
  'task.leased': Type.Object(
    {
      ...run,
      lease_ms: p.SpanMs,
      /** Why now and why there, for `explain`: waited, effective priority, agents considered. */
      decision: Type.Object(
        { waited_ms: p.SpanMs, effective_priority: Type.Number(), candidates: p.Count },
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
  /** A report that moved nothing: of an earlier attempt, of another life, or after the end. */
  'task.report-ignored': Type.Object({ ...run, ...runResult, current_attempt: p.Count }, closed),
} as const;
