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

export const taskKinds = closed(['adhoc', 'reconciliation', 'scheduled', 'fanout'] as const);
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
  'agent_stopping',
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
  // admission: quotas, modes, keys
  'quota_running_tasks',
  'quota_submission_rate',
  'quota_output_bytes',
  'mode_degraded',
  'mode_read_only',
  'mode_draining',
  'concurrency_dropped',
  'concurrency_superseded',
  // what holds a queued task back
  'turn',
  'concurrency_key',
  'lock_held',
  'requests_too_large',
  'agent_kept',
  'breaker_open',
  'mass_loss_brake',
  // circuit breakers and the brake
  'failures_in_a_row',
  'probe_succeeded',
  'probe_failed',
  'cooled_down',
  'mass_loss',
  'time_passed',
  // modes by themselves
  'overload_queue',
  'overload_event_loop',
  'overload_commit_latency',
  'overload_over',
  // schedules, fan-outs, change windows
  'overlap_forbidden',
  'overlap_replaced',
  'missed',
  'schedule_ended',
  'fanout_cancelled',
  'fanout_max_failures',
  'fanout_complete',
  'change_window_closed',
  'change_window_denied',
  // admission: bytes that wait
  'quota_queued_bytes',
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
  'forbidden',
] as const);
export const RefusalCode = refusalCodes.schema;
export type RefusalCode = Static<typeof RefusalCode>;

/** Limits that a tenant need not have. */
export const liftableLimits = closed([
  'max_running_tasks',
  'submissions_per_s',
  'submission_burst',
  'output_bytes_per_hour',
  'weight',
  'max_queued_bytes',
  'max_declared_bytes',
] as const);
export const LiftableLimit = liftableLimits.schema;
export type LiftableLimit = Static<typeof LiftableLimit>;

export const roles = closed(['admin', 'writer', 'reader'] as const);
export const Role = roles.schema;
export type Role = Static<typeof Role>;

/**
 * How much is let in: `normal`; `degraded`, only priorities 0 to 2; `read-only`, nothing new; `draining`, nothing
 * new and nothing started: what runs finishes. Remediations wait through them.
 */
export const modes = closed(['normal', 'degraded', 'read-only', 'draining'] as const);
export const Mode = modes.schema;
export type Mode = Static<typeof Mode>;

/** What is done with a task whose concurrency key is taken. */
export const concurrencyStrategies = closed(['queue', 'drop-new', 'cancel-running', 'round-robin'] as const);
export const ConcurrencyStrategy = concurrencyStrategies.schema;
export type ConcurrencyStrategy = Static<typeof ConcurrencyStrategy>;

export const placementStrategies = closed(['spread', 'pack'] as const);
export const PlacementStrategy = placementStrategies.schema;
export type PlacementStrategy = Static<typeof PlacementStrategy>;

/** What happens when a schedule is due while its last task has not ended. */
export const overlapPolicies = closed(['allow', 'forbid', 'replace'] as const);
export const OverlapPolicy = overlapPolicies.schema;
export type OverlapPolicy = Static<typeof OverlapPolicy>;

/** An `agent` breaker guards one agent; a `domain` breaker all agents with one value of the domain's label. */
export const breakerScopes = closed(['agent', 'domain'] as const);
export const BreakerScope = breakerScopes.schema;
export type BreakerScope = Static<typeof BreakerScope>;

export const windowEffects = closed(['allow', 'deny'] as const);
export const WindowEffect = windowEffects.schema;
export type WindowEffect = Static<typeof WindowEffect>;

/** How one agent of a fan-out came out, as far as it got. */
export const fanoutMemberEnds = closed(['succeeded', 'failed', 'not_started', 'unknown'] as const);
export const FanoutMemberEnd = fanoutMemberEnds.schema;
export type FanoutMemberEnd = Static<typeof FanoutMemberEnd>;
