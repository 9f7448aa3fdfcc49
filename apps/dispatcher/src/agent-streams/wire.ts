import {
  type AgentReport,
  type CheckOutcome as CheckOutcomeName,
  type CheckRequest,
  type CheckResult as CheckFinding,
  type CommandLine,
  type Executor,
  executors,
  type Resources,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type AgentMessage, type HeldLease as Held, type RunReport } from '@fluxforge/domain/agent';
import {
  type Check,
  CheckOutcome,
  type CheckResult,
  type Command,
  type Heartbeat,
  type HeldLease,
  HeldState,
  type Hello,
  type Lease,
  type LeaseKey,
  Outcome,
  Refusal,
  type Result,
  type Surroundings,
} from '@fluxforge/agent-protocol';

/** Between what travels on the control stream and what rules and log say: one way each, nothing decided. */

export function wireCommand(command: CommandLine): Command {
  return typeof command === 'string'
    ? { form: { $case: 'script', script: command } }
    : { form: { $case: 'argv', argv: { args: [...command] } } };
}

export function wireSurroundings(run: {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly run_as?: string;
}): Surroundings {
  return { env: { ...run.env }, cwd: run.cwd ?? '', runAs: run.run_as ?? '' };
}

/** What is run, and how far it may go. Every limit is said, also one of 0: an absent one is the agent's to choose. */
export function wireRun(
  spec: TaskSpec,
): Omit<Lease, 'key' | 'term' | 'durationMs' | 'outputToken' | 'traceparent'> {
  return {
    executor: spec.executor,
    command: spec.command === undefined ? undefined : wireCommand(spec.command),
    surroundings: wireSurroundings(spec),
    timeoutMs: spec.execution_timeout_ms,
    killGraceMs: spec.kill_grace_ms,
    outputLimitBytes: spec.output_limit_bytes,
    notAfterMs: spec.not_after_ms ?? 0,
  };
}

export function wireKey(key: {
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
}): LeaseKey {
  return { taskId: key.taskId, life: key.life, attempt: key.attempt };
}

export function wireCheck(check: CheckRequest['checks'][number]): Check {
  return {
    stateId: check.state_id,
    generation: check.generation,
    round: check.round,
    command: wireCommand(check.check_cmd),
    surroundings: wireSurroundings(check),
    timeoutMs: check.timeout_ms,
  };
}

export function heldLeases(leases: readonly HeldLease[]): Held[] {
  return leases.flatMap(({ key, state }) =>
    key ? [{ ...wireKey(key), finished: state === HeldState.FINISHED }] : [],
  );
}

/** Executors that this control plane knows; an agent may offer others, which nobody can ask for. */
export function knownExecutors(offered: readonly string[]): Executor[] {
  return executors.values.filter((executor) => offered.includes(executor));
}

const outcomes: Readonly<Record<Outcome, RunReport['outcome']>> = {
  [Outcome.EXITED]: 'exited',
  [Outcome.SIGNALLED]: 'signalled',
  [Outcome.TIMED_OUT]: 'timed_out',
  [Outcome.CANCELLED]: 'cancelled',
  [Outcome.INTERRUPTED]: 'interrupted',
  [Outcome.LEASE_EXPIRED]: 'lease_expired',
  [Outcome.SPAWN_FAILED]: 'spawn_failed',
  [Outcome.REFUSED]: 'refused',
  // What cannot be understood is an unknown outcome, never a failure and never a success.
  [Outcome.UNSPECIFIED]: 'interrupted',
  [Outcome.UNRECOGNIZED]: 'interrupted',
};

const yearMs = 366 * 24 * 3600 * 1000;

/** The agent's word, cut to what the log's schema takes: an agent is not trusted to keep to bounds. */
export function runReport(result: Result): RunReport {
  const outcome = outcomes[result.outcome];
  const refusal = result.refusal === Refusal.UNSPECIFIED ? '' : String(result.refusal);
  const message = [refusal, result.error].filter((text) => text !== '').join(': ');
  return {
    outcome,
    ...(outcome === 'exited' ? { exit_code: Math.trunc(result.exitCode) } : {}),
    ...(result.signal ? { signal: result.signal.slice(0, 32) } : {}),
    ...(result.startedAtMs > 0 ? { started_at_ms: Math.trunc(result.startedAtMs) } : {}),
    duration_ms: bounded(result.durationMs, yearMs),
    output: {
      stdout_bytes: bounded(result.stdoutBytes),
      stderr_bytes: bounded(result.stderrBytes),
      truncated: result.outputTruncated,
    },
    ...(message ? { message: message.slice(0, 2048) } : {}),
  };
}

const checkOutcomes: Readonly<Record<CheckOutcome, CheckOutcomeName>> = {
  [CheckOutcome.EXITED]: 'exited',
  [CheckOutcome.TIMED_OUT]: 'timed_out',
  [CheckOutcome.SIGNALLED]: 'signalled',
  [CheckOutcome.NOT_EXECUTABLE]: 'not_executable',
  [CheckOutcome.SPAWN_FAILED]: 'spawn_failed',
  [CheckOutcome.REFUSED]: 'refused',
  [CheckOutcome.UNSPECIFIED]: 'refused',
  [CheckOutcome.UNRECOGNIZED]: 'refused',
};

export function checkFinding(result: CheckResult): CheckFinding {
  const tail = Buffer.from(result.outputTail).toString('utf8').slice(-2048);
  const outcome = checkOutcomes[result.outcome];
  return {
    state_id: result.stateId,
    generation: result.generation,
    round: result.round,
    outcome,
    ...(outcome === 'exited' || outcome === 'not_executable'
      ? { exit_code: Math.trunc(result.exitCode) }
      : {}),
    ...(result.signal ? { signal: result.signal.slice(0, 32) } : {}),
    duration_ms: bounded(result.durationMs, yearMs),
    ...(tail ? { output_tail: tail } : {}),
  };
}

export function heartbeatReport(tenantId: string, agentId: string, heartbeat: Heartbeat): AgentReport {
  const total = bounded(heartbeat.memoryTotalBytes);
  return {
    kind: 'heartbeat',
    tenant_id: tenantId,
    agent_id: agentId,
    cpu_percent: Math.round(Math.min(1, Math.max(0, heartbeat.cpuUsed || 0)) * 1000) / 10,
    ram_used_bytes: Math.max(0, total - bounded(heartbeat.memoryAvailableBytes)),
    ram_total_bytes: total,
    slots: bounded(heartbeat.slots),
    free_slots: bounded(heartbeat.freeSlots),
  };
}

export function heartbeatMessage(
  who: { readonly tenantId: string; readonly agentId: string; readonly sessionId: string },
  heartbeat: Heartbeat,
  answeredAtMs: number,
): AgentMessage {
  return {
    kind: 'heartbeat',
    ...who,
    answeredAtMs,
    freeSlots: bounded(heartbeat.freeSlots),
    running: heartbeat.running.map(wireKey),
    stopping: heartbeat.draining,
  };
}

function bounded(value: number, max = Number.MAX_SAFE_INTEGER): number {
  return Number.isFinite(value) ? Math.min(max, Math.max(0, Math.trunc(value))) : 0;
}

/** What the agent says its machine has; a resource of which it says nothing is left out. */
export function capacityOf(hello: Hello): { capacity?: Resources } {
  const capacity: Resources = {
    ...(hello.cpuMillis > 0 && { cpu_millis: Math.min(1_024_000, Math.floor(hello.cpuMillis)) }),
    ...(hello.memoryBytes > 0 && { memory_bytes: Math.min(2 ** 50, Math.floor(hello.memoryBytes)) }),
  };
  return Object.keys(capacity).length > 0 ? { capacity } : {};
}
