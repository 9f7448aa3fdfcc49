import { Type } from '@sinclair/typebox';
import { CheckOutcome, ReasonCode, TaskEnd } from './closed-lists.js';
import * as p from './primitives.js';
import { StateSpec } from './states-commands.js';

const closed = { additionalProperties: false };
const target = { state_id: p.Id, agent_id: p.Id, generation: p.Generation };

const finding = {
  round: p.Round,
  outcome: CheckOutcome,
  exit_code: Type.Optional(Type.Integer()),
  signal: Type.Optional(Type.String({ maxLength: 32 })),
  /** The end of what the check printed, for people. */
  output_tail: Type.Optional(p.Text),
};

/** Events of the states context: desired states and their targets. */
export const statesEvents = {
  'state.declared': Type.Object(
    { state_id: p.Id, name: p.Name, labels: p.Labels, generation: p.Generation, spec: StateSpec },
    closed,
  ),
  /** `generation` rises only when the spec changes; a changed name or label leaves it. */
  'state.updated': Type.Object(
    { state_id: p.Id, name: p.Name, labels: p.Labels, generation: p.Generation, spec: StateSpec },
    closed,
  ),
  'state.suspended': Type.Object({ state_id: p.Id }, closed),
  'state.resumed': Type.Object({ state_id: p.Id }, closed),
  'state.deleted': Type.Object({ state_id: p.Id }, closed),
  /** The agents a state has gained or lost; a wide change comes as several of these, over several ticks. */
  'targets.changed': Type.Object(
    {
      state_id: p.Id,
      added: Type.Array(p.Id, { maxItems: 500 }),
      removed: Type.Array(Type.Object({ agent_id: p.Id, reason: ReasonCode }, closed), { maxItems: 500 }),
    },
    closed,
  ),
  /** First seen compliant at this generation without a remediation. */
  'target.compliant': Type.Object({ ...target, ...finding }, closed),
  /** Nothing is known of the target any more (or nothing could be found out): never a reason to apply. */
  'target.unknown': Type.Object(
    {
      ...target,
      round: p.Round,
      reason: ReasonCode,
      outcome: Type.Optional(CheckOutcome),
      ...{ exit_code: Type.Optional(Type.Integer()) },
    },
    closed,
  ),
  'drift.detected': Type.Object({ ...target, ...finding }, closed),
  'remediation.requested': Type.Object(
    {
      ...target,
      attempt: p.Attempt,
      task_id: p.Id,
      command: p.CommandLine,
      ...p.RunAs,
      priority: Type.Integer({ minimum: 0, maximum: 9 }),
      execution_timeout_ms: p.SpanMs,
      not_after_ms: p.TimeMs,
      exclusive: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  'remediation.withdrawn': Type.Object(
    { ...target, attempt: p.Attempt, task_id: p.Id, reason: ReasonCode },
    closed,
  ),
  /** The apply's task is over: what follows is a check of the next round. */
  'remediation.applied': Type.Object({ ...target, attempt: p.Attempt, task_id: p.Id }, closed),
  /**
   * The apply did not come to a good end. `counted` tells whether it used up an attempt: only a run that
   * failed does, not one that was rejected, lost in the queue or cancelled.
   */
  'remediation.failed': Type.Object(
    {
      ...target,
      attempt: p.Attempt,
      task_id: p.Id,
      end: Type.Optional(TaskEnd),
      reason: ReasonCode,
      counted: Type.Boolean(),
      retry_at_ms: p.TimeMs,
    },
    closed,
  ),
  'compliance.restored': Type.Object({ ...target, ...finding, attempts_used: p.Count }, closed),
  'remediation.given-up': Type.Object({ ...target, attempts_used: p.Count, reason: ReasonCode }, closed),
} as const;
