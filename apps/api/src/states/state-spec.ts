import { type CommandData, type StateSpec } from '@fluxforge/events/catalogue';
import { formatBudget, formatSelector } from '@fluxforge/domain/kernel';
import { type StateRow } from '@fluxforge/read-models';
import { budgetOf } from '../budgets/index.js';
import { durationMs, formatDuration } from '../durations/index.js';
import { selectorOf } from '../selectors/index.js';
import { type StateBody } from './state-body.js';
import { windowBodies, windowsOf } from './windows.js';

/** What a state is when nothing is said. In the log a spec is whole: a later default changes no old state. */
const defaults = {
  interval: '60s',
  check_timeout: '30s',
  apply_timeout: '10m',
  mode: 'enforce',
  max_concurrency: '25%',
  max_failures: '25%',
  attempts: 3,
  backoff: { base: '5s', max: '5m' },
  priority: 5,
} as const;

export type Declared = Omit<CommandData<'state.declare'>, 'state_id'>;

/** Of a body that was validated: everything parses. */
export function declaredOf(body: StateBody): Declared {
  return { name: body.name, labels: body.labels ?? {}, spec: specOf(body) };
}

function specOf(given: StateBody): StateSpec {
  const body = { ...defaults, ...given };
  return {
    check_cmd: body.check_cmd,
    ...(body.apply_cmd === undefined ? {} : { apply_cmd: body.apply_cmd }),
    selector: selectorOf(body.selector),
    interval_ms: durationMs(body.interval),
    check_timeout_ms: durationMs(body.check_timeout),
    apply_timeout_ms: durationMs(body.apply_timeout),
    ...(body.env === undefined ? {} : { env: body.env }),
    ...(body.cwd === undefined ? {} : { cwd: body.cwd }),
    ...(body.run_as === undefined ? {} : { run_as: body.run_as }),
    mode: body.mode,
    max_concurrency: budgetOf(body.max_concurrency),
    max_failures: budgetOf(body.max_failures),
    attempts: body.attempts,
    backoff: { base_ms: durationMs(body.backoff.base), max_ms: durationMs(body.backoff.max) },
    priority: body.priority,
    ...(body.windows === undefined ? {} : { windows: windowsOf(body.windows) }),
    ...(body.exclusive === false && { exclusive: false }),
  };
}

/** A declared state as a body again: what a PATCH is laid over. */
export function bodyOfRow(row: StateRow): StateBody {
  return {
    name: row.name,
    labels: row.labels,
    check_cmd: row.check_cmd,
    ...(row.apply_cmd === undefined ? {} : { apply_cmd: row.apply_cmd }),
    selector: formatSelector(row.selector),
    interval: formatDuration(row.interval_ms),
    check_timeout: formatDuration(row.check_timeout_ms),
    apply_timeout: formatDuration(row.apply_timeout_ms),
    ...(row.env === undefined ? {} : { env: row.env }),
    ...(row.cwd === undefined ? {} : { cwd: row.cwd }),
    ...(row.run_as === undefined ? {} : { run_as: row.run_as }),
    mode: row.mode,
    max_concurrency: formatBudget(row.max_concurrency),
    max_failures: formatBudget(row.max_failures),
    attempts: row.attempts,
    backoff: { base: formatDuration(row.backoff.base_ms), max: formatDuration(row.backoff.max_ms) },
    priority: row.priority,
    ...(row.windows === undefined ? {} : { windows: windowBodies(row.windows) }),
    exclusive: row.exclusive ?? true,
  };
}

/** A state as the API shows it: flat, as it was declared, with what is observed under `status`. */
export function stateView(row: StateRow) {
  return {
    id: row.id,
    generation: row.generation,
    resource_version: row.resource_version,
    created_at: row.created_at,
    updated_at: row.updated_at,
    ...bodyOfRow(row),
    status: row.status,
  };
}
