import { type StateSpec, type TaskSpec } from '@fluxforge/events/catalogue';
import { applyCommand, checkCommand, hangCommand, parseWork, runCommand } from './work.js';

/** What a generator of work draws from. */
export interface Draw {
  chance(probability: number): boolean;
  between(low: number, high: number): number;
  pick<T>(from: readonly T[]): T;
}

export interface Place {
  readonly nowMs: number;
  readonly agentIds: readonly string[];
  /** How often a task asks for a share of its agent. */
  readonly requests?: number;
}

/** A task as somebody might submit it: short or hanging, failing or not, for anyone or for one agent. */
export function drawTaskSpec(draw: Draw, place: Place): TaskSpec {
  const exitCode = draw.chance(0.25) ? draw.pick([1, 2, 137, -9]) : 0;
  const command = draw.chance(0.08) ? hangCommand : runCommand(draw.between(5, 900), exitCode);
  return {
    labels: {},
    executor: draw.pick(['shell', 'noop']),
    command,
    ...(draw.chance(0.2) && { agent_id: draw.chance(0.1) ? 'nobody' : draw.pick(place.agentIds) }),
    selector: draw.chance(0.3) ? [{ key: 'zone', op: 'in', values: [draw.pick(['a', 'b'])] }] : [],
    priority: draw.between(0, 9),
    ...(draw.chance(0.15) && { not_before_ms: place.nowMs + draw.between(0, 1_500) }),
    ...(draw.chance(0.15) && { not_after_ms: place.nowMs + draw.between(300, 6_000) }),
    delivery_timeout_ms: draw.chance(0.3) ? draw.between(500, 6_000) : 0,
    execution_timeout_ms: draw.between(400, 2_500),
    kill_grace_ms: 100,
    max_attempts: draw.between(1, 4),
    backoff: { base_ms: draw.between(10, 300), max_ms: 1_000 },
    output_limit_bytes: 1024,
    ...(draw.chance(place.requests ?? 0) && { requests: drawRequests(draw) }),
    ...(draw.chance(place.requests ?? 0) && { placement: draw.pick(['spread', 'pack'] as const) }),
  };
}

/** Some of them more than any agent has. */
function drawRequests(draw: Draw): NonNullable<TaskSpec['requests']> {
  return {
    ...(draw.chance(0.6) && { slots: draw.between(1, 3) }),
    ...(draw.chance(0.6) && { cpu_millis: draw.pick([200, 500, 900, 1_600]) }),
    ...(draw.chance(0.3) && { memory_bytes: draw.pick([300, 600, 1_500]) }),
  };
}

/** A state; `version` is what its commands bring about. */
export function drawStateSpec(draw: Draw, stateId: string, version: number): StateSpec {
  return {
    check_cmd: checkCommand(version),
    apply_cmd: applyCommand(stateId, version, draw.between(5, 500)),
    selector: draw.chance(0.4) ? [{ key: 'zone', op: 'in', values: [draw.pick(['a', 'b'])] }] : [],
    interval_ms: draw.between(1_000, 3_000),
    check_timeout_ms: draw.between(200, 600),
    apply_timeout_ms: draw.between(600, 2_000),
    mode: draw.chance(0.1) ? 'check_only' : 'enforce',
    max_concurrency: draw.pick([{ count: 1 }, { percent: 50 }, { percent: 100 }]),
    max_failures: draw.pick([{ count: 0 }, { percent: 50 }, { percent: 100 }]),
    attempts: draw.between(1, 3),
    backoff: { base_ms: draw.between(50, 400), max_ms: 1_000 },
    priority: draw.between(0, 9),
  };
}

/** The version that a state's commands bring about. */
export function versionOf(spec: StateSpec): number {
  const work = parseWork(spec.check_cmd);
  return work.kind === 'check' ? work.generation : 0;
}
