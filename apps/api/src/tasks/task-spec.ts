import { type TaskSpec } from '@fluxforge/events/catalogue';
import { formatSelector } from '@fluxforge/domain/kernel';
import { type AttemptRow, type TaskRow } from '@fluxforge/read-models';
import { durationMs, formatDuration } from '../durations/index.js';
import { sha256Hex } from '../identifiers/index.js';
import { selectorOf } from '../selectors/index.js';
import { type TaskBody } from './task-body.js';

const defaults = {
  executor: 'shell',
  priority: 5,
  delivery_timeout: '1h',
  execution_timeout: '1h',
  kill_grace: '10s',
  max_attempts: 3,
  backoff: { base: '1s', max: '5m' },
  output_limit_bytes: 1_048_576,
} as const;

/** Of a body that was validated: everything parses. `nowMs`: from where a delay counts. */
export function taskSpecOf(given: TaskBody, nowMs: number): TaskSpec {
  const body = { ...defaults, ...given };
  return {
    ...(body.name === undefined ? {} : { name: body.name }),
    labels: body.labels ?? {},
    executor: body.executor,
    ...(body.command === undefined ? {} : { command: body.command }),
    ...(body.env === undefined ? {} : { env: body.env }),
    ...(body.cwd === undefined ? {} : { cwd: body.cwd }),
    ...(body.run_as === undefined ? {} : { run_as: body.run_as }),
    ...(body.agent_id === undefined ? {} : { agent_id: body.agent_id }),
    selector: body.selector === undefined ? [] : selectorOf(body.selector),
    priority: body.priority,
    ...(body.not_before === undefined ? {} : { not_before_ms: Date.parse(body.not_before) }),
    ...(body.delay === undefined ? {} : { not_before_ms: nowMs + durationMs(body.delay) }),
    ...(body.not_after === undefined ? {} : { not_after_ms: Date.parse(body.not_after) }),
    delivery_timeout_ms: durationMs(body.delivery_timeout),
    execution_timeout_ms: durationMs(body.execution_timeout),
    kill_grace_ms: durationMs(body.kill_grace),
    max_attempts: body.max_attempts,
    backoff: { base_ms: durationMs(body.backoff.base), max_ms: durationMs(body.backoff.max) },
    output_limit_bytes: body.output_limit_bytes,
    ...(body.requests === undefined ? {} : { requests: body.requests }),
    ...(body.placement === undefined ? {} : { placement: body.placement }),
    ...(body.concurrency === undefined
      ? {}
      : { concurrency: { max: 1, strategy: 'queue', ...body.concurrency } }),
  };
}

/** Two bodies that say the same in another order or spelling are the same submission. */
export function bodyHashOf(spec: TaskSpec, delay: string | undefined): string {
  // The time that a delay came to is another at each repetition.
  const said = delay === undefined ? spec : { ...spec, not_before_ms: `+${durationMs(delay)}` };
  return sha256Hex(canonical(said)).slice(0, 32);
}

export function taskView(row: TaskRow) {
  return {
    id: row.id,
    name: row.name,
    labels: row.labels,
    generation: row.generation,
    resource_version: row.resource_version,
    created_at: row.created_at,
    updated_at: row.updated_at,
    kind: row.kind,
    origin: row.origin,
    schedule_id: row.schedule_id,
    fanout_id: row.fanout_id,
    ...specView(row),
    status: statusView(row.status),
  };
}

export function attemptView({ duration_ms, decision, ...row }: AttemptRow) {
  const { waited_ms, ...why } = decision;
  return { ...row, duration: spanView(duration_ms), decision: { ...why, waited: formatDuration(waited_ms) } };
}

/** What was declared; of a task rejected at admission nothing is. */
export function specView(row: Partial<TaskSpec>) {
  return {
    executor: row.executor,
    command: row.command,
    env: row.env,
    cwd: row.cwd,
    run_as: row.run_as,
    agent_id: row.agent_id,
    selector: row.selector && formatSelector(row.selector),
    priority: row.priority,
    not_before: timeView(row.not_before_ms),
    not_after: timeView(row.not_after_ms),
    delivery_timeout: spanView(row.delivery_timeout_ms),
    execution_timeout: spanView(row.execution_timeout_ms),
    kill_grace: spanView(row.kill_grace_ms),
    max_attempts: row.max_attempts,
    backoff: row.backoff && { base: spanView(row.backoff.base_ms), max: spanView(row.backoff.max_ms) },
    output_limit_bytes: row.output_limit_bytes,
    requests: row.requests,
    placement: row.placement,
    concurrency: row.concurrency,
  };
}

function statusView({ duration_ms, ...status }: TaskRow['status']) {
  return { ...status, duration: spanView(duration_ms) };
}

function spanView<T extends null | undefined>(ms: number | T): string | T {
  return typeof ms === 'number' ? formatDuration(ms) : ms;
}

function timeView(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`;
}
