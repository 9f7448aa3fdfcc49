import { Type } from '@sinclair/typebox';
import { Executor, Role } from './closed-lists.js';
import * as p from './primitives.js';

const closed = { additionalProperties: false };

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
  },
  closed,
);

export const Limits = Type.Object(
  {
    max_queued_tasks: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
    max_agents: Type.Integer({ minimum: 1, maximum: 100_000 }),
    max_states: Type.Integer({ minimum: 1, maximum: 100_000 }),
  },
  closed,
);

/** Commands that the tasks context (dispatcher) decides. */
export const tasksCommands = {
  'tenant.create': Type.Object({ tenant_id: p.Id, name: p.Name, limits: Type.Optional(Limits) }, closed),
  'tenant.set-limits': Type.Object({ limits: Limits }, closed),
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
    },
    closed,
  ),
  'agent.drain': Type.Object({ agent_id: p.Id, drain: Type.Boolean() }, closed),
  'agent.remove': Type.Object({ agent_id: p.Id }, closed),
  'task.submit': Type.Object(
    {
      task_id: p.Id,
      spec: TaskSpec,
      /** Present when the submitter gave an idempotency key: hash of the derived id and of the body. */
      keyed: Type.Optional(Type.Object({ key_hash: p.Hash, body_hash: p.Hash }, closed)),
    },
    closed,
  ),
  'task.cancel': Type.Object({ task_id: p.Id, reason: Type.Optional(p.Text) }, closed),
} as const;
