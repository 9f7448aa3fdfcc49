import { type LiftableLimit, type Limits, type LimitsChange } from '@fluxforge/events/catalogue';
import { defaultTasksPolicy } from '@fluxforge/domain/tasks-context';
import { limitsAfter, maxDeclaredBytes, maxQueuedBytes, raisedLimits } from '@fluxforge/domain/tenant';
import { ProblemError } from '../http/index.js';
import { type LimitsBody } from './tenant-bodies.js';

const { defaultLimits } = defaultTasksPolicy;

/** As they hold, set or not. */
export function limitsInForce(limits: Limits): Limits {
  return {
    ...limits,
    max_queued_bytes: maxQueuedBytes(limits, defaultLimits),
    max_declared_bytes: maxDeclaredBytes(limits, defaultLimits),
  };
}

/** Numbers are set, null is lifted; the owner of the tenant lays it over what holds when it comes to it. */
export function changeOf(body: LimitsBody): LimitsChange {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  const unset = said.filter(([, value]) => value === null).map(([name]) => name as LiftableLimit);
  const set = Object.fromEntries(said.filter(([, value]) => value !== null)) as LimitsChange['set'];
  return { set, unset };
}

/**
 * What a tenant may change of its own limits where someone else has set them: down, and never up. Early, by the
 * limits that were heard of last; the owner decides for good.
 * @throws ProblemError that names what was to be raised
 */
export function insistLower(now: Limits, change: LimitsChange): void {
  const raised = raisedLimits(now, limitsAfter(now, change), defaultLimits);
  if (raised.length === 0) return;
  throw new ProblemError('forbidden', `Only the operator may raise ${raised.join(', ')}.`);
}

/** As good as none, or what holds without it, for each limit that can be lifted. */
const asGoodAsNone: Partial<Limits> = {
  max_running_tasks: 1_000_000,
  submissions_per_s: 100_000,
  submission_burst: 1_000_000,
  output_bytes_per_hour: 2 ** 50,
  weight: 1,
  max_queued_bytes: defaultLimits.max_queued_bytes,
  max_declared_bytes: defaultLimits.max_declared_bytes,
};

/** What was said, to be laid over whatever holds: for a question, where nothing can be taken away. */
export function saidLimits(body: LimitsBody): Partial<Limits> {
  const said = Object.entries(body).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    said.map(([name, value]) => [name, (value ?? asGoodAsNone[name as keyof Limits]) as number]),
  );
}
