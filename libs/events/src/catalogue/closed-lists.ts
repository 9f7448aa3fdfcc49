import { Type, type Static, type TLiteral, type TUnion } from '@sinclair/typebox';

/** Every closed list of the contract, each in this one place. Values are only ever added. */

function closed<T extends readonly string[]>(
  values: T,
): { values: T; schema: TUnion<{ -readonly [K in keyof T]: TLiteral<T[K] & string> }> } {
  const schema = Type.Union(values.map((value) => Type.Literal(value)));
  return {
    values,
    schema: schema as unknown as TUnion<{ -readonly [K in keyof T]: TLiteral<T[K] & string> }>,
  };
}

/** How a task can end. Counted apart everywhere. */
export const taskEnds = closed([
  'succeeded',
  'failed',
  'delivery_timed_out',
  'execution_timed_out',
  'cancelled',
  'expired',
  'rejected',
  'lost',
] as const);
export const TaskEnd = taskEnds.schema;
export type TaskEnd = Static<typeof TaskEnd>;

/**
 * How one run on an agent came out. `interrupted`: the agent restarted while it ran. `lease_expired`: the
 * lease ran out, seen by the agent or by the owner. `refused`: never started there.
 */
export const attemptOutcomes = closed([
  'exited',
  'signalled',
  'timed_out',
  'cancelled',
  'interrupted',
  'lease_expired',
  'spawn_failed',
  'refused',
  'undelivered',
] as const);
export const AttemptOutcome = attemptOutcomes.schema;
export type AttemptOutcome = Static<typeof AttemptOutcome>;

/** Outcome of one run of `check_cmd`. Only `exited` says anything about compliance, and not with 126 or 127. */
export const checkOutcomes = closed([
  'exited',
  'timed_out',
  'signalled',
  'not_executable',
  'spawn_failed',
  'refused',
] as const);
export const CheckOutcome = checkOutcomes.schema;
export type CheckOutcome = Static<typeof CheckOutcome>;

export const executors = closed(['shell', 'noop'] as const);
export const Executor = executors.schema;
export type Executor = Static<typeof Executor>;

export const taskKinds = closed(['adhoc', 'reconciliation'] as const);
export const TaskKind = taskKinds.schema;
export type TaskKind = Static<typeof TaskKind>;

export const stateModes = closed(['enforce', 'check_only'] as const);
export const StateMode = stateModes.schema;
export type StateMode = Static<typeof StateMode>;

/**
 * Why something is as it is: on rejections, ends, holds, losses and withdrawals. One list, so that a
 * user who has seen a code once knows it everywhere.
 */
export const reasonCodes = closed([
  // admission and placement
  'quota_queued_tasks',
  'quota_agents',
  'quota_states',
  'unknown_tenant',
  'unknown_agent',
  'unsatisfiable_placement',
  'duplicate_key_other_body',
  'input_too_large',
  'no_agent_matches',
  'agents_full',
  'agent_lost',
  'agent_draining',
  'agent_removed',
  'backoff',
  'not_before',
  // ends and attempts
  'exit_zero',
  'exit_nonzero',
  'killed_by_signal',
  'execution_timeout',
  'delivery_timeout',
  'not_after_passed',
  'attempts_used_up',
  'cancelled_by_user',
  'withdrawn',
  'lease_ran_out',
  'agent_restarted',
  'spawn_failed',
  'agent_refused',
  // desired state
  'state_deleted',
  'state_changed',
  'state_suspended',
  'selector_no_longer_matches',
  'check_only',
  'max_concurrency',
  'max_failures',
  'remediation_unanswered',
  'check_unknown',
  'given_up',
  // agents
  'connected',
  'reconnected',
  'no_answer',
  'relabelled',
  'operator',
] as const);
export const ReasonCode = reasonCodes.schema;
export type ReasonCode = Static<typeof ReasonCode>;

/** Why a command was refused by its owner; the API's problem codes of the same meaning have the same names. */
export const refusalCodes = closed([
  'not_found',
  'already_exists',
  'conflict',
  'idempotency_key_reused',
  'precondition_failed',
  'quota_exceeded',
  'invalid',
  'token_invalid',
  'gone',
] as const);
export const RefusalCode = refusalCodes.schema;
export type RefusalCode = Static<typeof RefusalCode>;

export const roles = closed(['admin', 'writer', 'reader'] as const);
export const Role = roles.schema;
export type Role = Static<typeof Role>;
