import { Type, type Static } from '@sinclair/typebox';
import { CheckOutcome } from './closed-lists.js';
import * as p from './primitives.js';

const closed = { additionalProperties: false };

/** `checks.requests`: the checks that one agent is asked for at once. Telemetry: lost ones are asked again. */
export const CheckRequest = Type.Object(
  {
    tenant_id: p.Id,
    agent_id: p.Id,
    checks: Type.Array(
      Type.Object(
        {
          state_id: p.Id,
          generation: p.Generation,
          round: p.Round,
          check_cmd: p.CommandLine,
          timeout_ms: p.SpanMs,
          ...p.RunAs,
        },
        closed,
      ),
      { minItems: 1, maxItems: 256 },
    ),
  },
  closed,
);
export type CheckRequest = Static<typeof CheckRequest>;

export const CheckResult = Type.Object(
  {
    state_id: p.Id,
    generation: p.Generation,
    round: p.Round,
    outcome: CheckOutcome,
    exit_code: Type.Optional(Type.Integer()),
    signal: Type.Optional(Type.String({ maxLength: 32 })),
    duration_ms: p.SpanMs,
    output_tail: Type.Optional(p.Text),
  },
  closed,
);
export type CheckResult = Static<typeof CheckResult>;

/** `agents.reports`: what agents said that is no transition. */
export const AgentReport = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('checks'),
      tenant_id: p.Id,
      agent_id: p.Id,
      results: Type.Array(CheckResult, { minItems: 1, maxItems: 256 }),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('heartbeat'),
      tenant_id: p.Id,
      agent_id: p.Id,
      cpu_percent: Type.Number(),
      ram_used_bytes: p.Count,
      ram_total_bytes: p.Count,
      slots: p.Count,
      free_slots: p.Count,
    },
    closed,
  ),
]);
export type AgentReport = Static<typeof AgentReport>;

/** `logs`: a piece of a task's output. `gap_bytes` > 0 marks bytes that are missing before this chunk. */
export const OutputChunk = Type.Object(
  {
    tenant_id: p.Id,
    task_id: p.Id,
    life: p.Life,
    attempt: p.Attempt,
    agent_id: p.Id,
    stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
    seq: p.Count,
    data_base64: Type.String({ maxLength: 256 * 1024 }),
    gap_bytes: p.Count,
    /** On the last chunk of a stream: what was emitted in all. */
    eof: Type.Optional(
      Type.Object({ total_bytes: p.Count, sha256: p.Hash, truncated: Type.Boolean() }, closed),
    ),
  },
  closed,
);
export type OutputChunk = Static<typeof OutputChunk>;
