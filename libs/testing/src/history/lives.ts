import { type StateSpec, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Scribe, type Written } from './scribe.js';

export const someTask: TaskSpec = {
  name: 'say hello',
  labels: { team: 'core' },
  executor: 'shell',
  command: 'echo hello',
  selector: [],
  priority: 5,
  delivery_timeout_ms: 60_000,
  execution_timeout_ms: 60_000,
  kill_grace_ms: 1_000,
  max_attempts: 3,
  backoff: { base_ms: 100, max_ms: 1_000 },
  output_limit_bytes: 1_048_576,
};

export const someState: StateSpec = {
  check_cmd: 'test -f /tmp/x',
  apply_cmd: 'touch /tmp/x',
  selector: [{ key: 'role', op: 'in', values: ['web'] }],
  interval_ms: 60_000,
  check_timeout_ms: 30_000,
  apply_timeout_ms: 600_000,
  mode: 'enforce',
  max_concurrency: { count: 1 },
  max_failures: { percent: 50 },
  attempts: 3,
  backoff: { base_ms: 100, max_ms: 1_000 },
  priority: 3,
};

const decision = { waited_ms: 3, effective_priority: 4.5, candidates: 2 };
const life = 1;

/** An agent that enrolled and was found. */
export function writeAgent(scribe: Scribe, agent_id: string, written: Written = {}): void {
  const said = {
    agent_id,
    labels: { role: 'web' },
    slots: 4,
    executors: ['shell' as const],
    agent_version: '1',
  };
  scribe.event(
    'agent.enrolled',
    { ...said, name: agent_id, token_id: 'tok', credential_hash: 'c'.repeat(64), token_labels: {} },
    written,
  );
  scribe.event('agent.found', { agent_id, reason: 'connected' }, written);
}

/** A task from its submission to its good end: four events. */
export function writeTask(scribe: Scribe, task_id: string, agent_id = 'a1', written: Written = {}): void {
  scribe.event(
    'task.queued',
    { task_id, life, kind: 'adhoc', spec: someTask },
    { commandId: `c-${task_id}`, ...written },
  );
  const run = { task_id, life, attempt: 1, agent_id };
  scribe.event('task.leased', { ...run, lease_ms: 10_000, decision }, written);
  scribe.event('task.started', { ...run, started_at_ms: Date.UTC(2025, 0, 2) }, written);
  const output = { stdout_bytes: 6, stderr_bytes: 0, truncated: false };
  scribe.event(
    'task.ended',
    {
      ...run,
      end: 'succeeded',
      reason: 'exit_zero',
      attempts_used: 1,
      outcome: 'exited',
      exit_code: 0,
      duration_ms: 5,
      output,
    },
    written,
  );
}

/** A fan-out that runs: of eight members two are queued, one is in every other place there is, one has not begun. */
export function writeFanout(scribe: Scribe, fanout_id: string, written: Written = {}): void {
  const members = Array.from({ length: 8 }, (_, i) => `a${i}`);
  const budget = { count: 8 };
  const spec = { task: someTask, selector: [], max_concurrency: budget, max_failures: budget };
  scribe.event('fanout.started', { fanout_id, spec, members }, written);
  const batch = { fanout_id };
  const idOf = (place: number) => ({ task_id: `${fanout_id}.${place}`, life });
  const queued = { kind: 'fanout' as const, spec: someTask, batch };
  for (let i = 0; i < 6; i++) scribe.event('task.queued', { ...idOf(i), ...queued }, written);
  const over = { reason: 'quota_output_bytes' as const, message: 'never' };
  scribe.event('task.rejected', { ...idOf(6), kind: 'fanout', batch, ...over }, written);
  const runOf = (place: number) => ({ ...idOf(place), attempt: 1, agent_id: members[place]! });
  for (let i = 0; i < 4; i++)
    scribe.event('task.leased', { ...runOf(i), lease_ms: 10_000, decision }, written);
  scribe.event('task.started', { ...runOf(0), started_at_ms: Date.UTC(2025, 0, 2) }, written);
  const failed = { outcome: 'exited' as const, exit_code: 1, reason: 'exit_nonzero' as const };
  scribe.event('task.attempt-ended', { ...runOf(1), ...failed, retry_at_ms: Date.UTC(2025, 0, 3) }, written);
  const well = { end: 'succeeded' as const, reason: 'exit_zero' as const, outcome: 'exited' as const };
  scribe.event('task.ended', { ...runOf(2), ...well, exit_code: 0, attempts_used: 1 }, written);
  const lost = {
    end: 'lost' as const,
    reason: 'attempts_used_up' as const,
    outcome: 'lease_expired' as const,
  };
  scribe.event('task.ended', { ...runOf(3), ...lost, attempts_used: 1 }, written);
  const never = { end: 'cancelled' as const, reason: 'cancelled_by_user' as const, attempts_used: 0 };
  scribe.event('task.ended', { ...idOf(4), ...never }, written);
}

/** A state with these agents, found drifted on the first of them, remediated and verified. */
export function writeHealedState(
  scribe: Scribe,
  state_id: string,
  agents: readonly string[],
  written: Written = {},
): void {
  const agent_id = agents[0]!;
  const target = { state_id, agent_id, generation: 1 };
  const task_id = `r-${state_id}`;
  const drifted = { outcome: 'exited' as const, exit_code: 1 };
  const compliant = { outcome: 'exited' as const, exit_code: 0 };
  scribe.event(
    'state.declared',
    { state_id, name: state_id, labels: {}, generation: 1, spec: someState },
    { commandId: `c-${state_id}`, ...written },
  );
  scribe.event('targets.changed', { state_id, added: [...agents], removed: [] }, written);
  scribe.event('drift.detected', { ...target, ...drifted, round: 1, output_tail: 'no such file' }, written);
  scribe.event(
    'remediation.requested',
    {
      ...target,
      attempt: 1,
      task_id,
      command: 'touch /tmp/x',
      priority: 3,
      execution_timeout_ms: 1_000,
      not_after_ms: Date.UTC(2025, 0, 3),
    },
    written,
  );
  scribe.event('remediation.applied', { ...target, attempt: 1, task_id }, written);
  scribe.event('compliance.restored', { ...target, ...compliant, round: 2, attempts_used: 1 }, written);
}
