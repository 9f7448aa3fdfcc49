import { type Budget, type StateMode } from '@fluxforge/events/catalogue';
import { occupies, type Target } from '@fluxforge/domain/desired-state';
import { maxGivenUp } from './budgets.js';
import { type PlanReason } from './placement.js';

/**
 * What would change the rule that decides about a target. Closed list. Applied, another rule decides, or the target has
 * gone on. Several are alternatives. A change of the spec makes a new generation: all is checked anew, all attempts are
 * given back, and what is in flight is withdrawn.
 */
export type TargetRemedy =
  /** It is as it should be, or the pass that runs now goes on with it. */
  | { readonly kind: 'none-needed' }
  | { readonly kind: 'wait-until'; readonly atMs: number }
  /** A result of the check that tells whether it is compliant; it is asked for by itself. */
  | { readonly kind: 'await-check' }
  /** The end of this apply, however it comes. */
  | { readonly kind: 'end-task'; readonly taskId: string }
  | { readonly kind: 'resume-state' }
  | { readonly kind: 'connect-agent'; readonly agentId: string }
  | { readonly kind: 'undrain-agent'; readonly agentId: string }
  /** The state applied on these, and verified: who has a place, then who has the next ones. */
  | { readonly kind: 'finish-applies'; readonly agentIds: readonly string[]; readonly more: number }
  /** Whatever is wrong there put right, so that the next check finds them compliant. */
  | { readonly kind: 'mend-agents'; readonly agentIds: readonly string[]; readonly more: number }
  | { readonly kind: 'change-state'; readonly change: StateChange }
  /** Enforced it can be with an `apply_cmd` only. */
  | { readonly kind: 'enforce-state'; readonly mode: StateMode; readonly needsApplyCmd: boolean };

export interface StateChange {
  readonly attempts?: number;
  readonly max_concurrency?: Budget;
  readonly max_failures?: Budget;
  readonly windows?: readonly never[];
}

export const agentsNamed = 64;
const mostAttempts = 100;

/** What the clock alone does about it. */
export interface Clock {
  readonly heldUntilMs: number | null;
  /** From when an apply in flight counts as unanswered. */
  readonly answerByMs: number | null;
}

export function targetRemedies(target: Target, reason: PlanReason, clock: Clock): TargetRemedy[] {
  const { state, agentId } = target;
  switch (reason) {
    case 'in_flight':
      return [...endTask(target.remediation?.taskId), ...waitUntil(clock.answerByMs)];
    case 'withdrawn':
      return [...endTask(target.settling?.taskId), ...waitUntil(clock.heldUntilMs)];
    case 'backoff':
      return waitUntil(clock.heldUntilMs);
    case 'change_window_closed':
    case 'change_window_denied':
      return [...waitUntil(clock.heldUntilMs), { kind: 'change-state', change: { windows: [] } }];
    case 'verifying':
    case 'not_checked':
    case 'check_unknown':
      return [{ kind: 'await-check' }];
    case 'state_suspended':
      // Of one that is suspended and withdrawn the pass that runs now withdraws the apply first.
      return target.stage === 'requested' ? [{ kind: 'none-needed' }] : [{ kind: 'resume-state' }];
    case 'agent_lost':
      return [{ kind: 'connect-agent', agentId }];
    case 'agent_draining':
      return [{ kind: 'undrain-agent', agentId }];
    case 'check_only': {
      const needsApplyCmd = state.spec.apply_cmd === undefined;
      return [{ kind: 'enforce-state', mode: 'enforce', needsApplyCmd }, mend([target])];
    }
    case 'attempts_used_up':
      return [mend([target]), ...moreAttempts(state.spec.attempts)];
    case 'max_failures':
      return moreFailures(target);
    case 'max_concurrency':
      return moreAtOnce(target);
    default:
      return [{ kind: 'none-needed' }];
  }
}

function endTask(taskId: string | undefined): TargetRemedy[] {
  return taskId === undefined ? [] : [{ kind: 'end-task', taskId }];
}

function waitUntil(atMs: number | null): TargetRemedy[] {
  return atMs === null ? [] : [{ kind: 'wait-until', atMs }];
}

function named(targets: readonly Target[]) {
  const agentIds = targets.slice(0, agentsNamed).map(({ agentId }) => agentId);
  return { agentIds, more: targets.length - agentIds.length };
}

function mend(targets: readonly Target[]): TargetRemedy {
  return { kind: 'mend-agents', ...named(targets) };
}

function moreAttempts(attempts: number): TargetRemedy[] {
  return attempts < mostAttempts ? [{ kind: 'change-state', change: { attempts: attempts + 1 } }] : [];
}

/** As many as there are too many; those that can be checked first. */
function moreFailures({ state }: Target): TargetRemedy[] {
  const isFound = ({ agentId }: Target) => state.tenant.agents.get(agentId)?.standing === 'found';
  const [found, others]: [Target[], Target[]] = [[], []];
  for (const one of state.targets.values())
    if (one.stage === 'given-up') (isFound(one) ? found : others).push(one);
  const givenUp = [...found, ...others];
  const change = { max_failures: { count: state.givenUp } };
  return [mend(givenUp.slice(0, state.givenUp - maxGivenUp(state))), { kind: 'change-state', change }];
}

/** Whose turn it is is told by the order in which they became ready. */
function moreAtOnce(target: Target): TargetRemedy[] {
  const { state } = target;
  const before = [...state.targets.values()].filter(occupies);
  for (const one of state.ready) {
    if (one === target) break;
    // Within a pass who has a place already may stand among the ready ones still.
    if (!occupies(one)) before.push(one);
  }
  // A change has all checked anew: who is not known to be compliant may want a place then.
  const wanting = [...state.targets.values()].filter((one) => one.finding !== 'compliant' || one.obscured);
  const change = { max_concurrency: { count: wanting.length } };
  return [
    { kind: 'finish-applies', ...named(before) },
    { kind: 'change-state', change },
  ];
}
