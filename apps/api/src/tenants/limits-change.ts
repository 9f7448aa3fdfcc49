import { type Limits } from '@fluxforge/events/catalogue';
import { ProblemError } from '../http/index.js';
import { type LimitsBody } from './tenant-bodies.js';

/** The limits with what was said: numbers set, null lifted, all else as it is. */
export function limitsWith(now: Limits, body: LimitsBody): Limits {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  const whole = Object.entries({ ...now, ...Object.fromEntries(said) }).filter(([, value]) => value !== null);
  return Object.fromEntries(whole) as Limits;
}

/**
 * What a tenant may change of its own limits where someone else has set them: down, and never up.
 * @throws ProblemError that names what was to be raised
 */
export function insistLower(now: Limits, next: Limits): void {
  const names = Object.keys({ ...now, ...next }) as (keyof Limits)[];
  const raised = names.filter((name) => amountOf(next, name) > amountOf(now, name));
  if (raised.length === 0) return;
  throw new ProblemError('forbidden', `Only the operator may raise ${raised.join(', ')}.`);
}

function amountOf(limits: Limits, name: keyof Limits): number {
  if (name === 'weight') return limits.weight ?? 1;
  if (name === 'submission_burst') return limits.submission_burst ?? limits.submissions_per_s ?? Infinity;
  return limits[name] ?? Infinity;
}

/** As good as none, for each limit that can be lifted. */
const asGoodAsNone: Partial<Limits> = {
  max_running_tasks: 1_000_000,
  submissions_per_s: 100_000,
  submission_burst: 1_000_000,
  output_bytes_per_hour: 2 ** 50,
  weight: 1,
};

/** What was said, to be laid over whatever holds: for a question, where nothing can be taken away. */
export function saidLimits(body: LimitsBody): Partial<Limits> {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    said.map(([name, value]) => [name, (value ?? asGoodAsNone[name as keyof Limits]) as number]),
  );
}
