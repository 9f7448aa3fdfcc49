import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type DesiredState, type Target, type Tenant, type Work } from './model.js';

export function newWork(): Work {
  return {
    targets: new Set(),
    states: new Set(),
    reselectStates: new Set(),
    reselectTenants: new Set(),
    due: new PriorityQueue(),
    answers: new PriorityQueue(),
    timers: new PriorityQueue(),
    roomy: new Set(),
  };
}

export function markTarget(work: Work, target: Target): void {
  work.targets.add(target);
  work.states.add(target.state);
}

/** Asks for a check earlier than its usual place. */
export function wantSoon(work: Work, target: Target, withinMs: number): void {
  target.soonMs = target.soonMs === 0 ? withinMs : Math.min(target.soonMs, withinMs);
  work.targets.add(target);
}

export function markAgent(work: Work, tenant: Tenant, agentId: string): void {
  tenant.reselect.add(agentId);
  work.reselectTenants.add(tenant);
}

/** Gives back the place of an unanswered check, if there is one. */
export function releaseAsk(work: Work, target: Target): void {
  if (target.askedRound === 0) return;
  target.askedRound = 0;
  work.answers.delete(target);
  const agent = target.state.tenant.byAgent.get(target.agentId);
  if (!agent) return;
  agent.asked -= 1;
  if (agent.backlog.size > 0) work.roomy.add(agent);
}

export function unscheduleCheck(work: Work, target: Target): void {
  releaseAsk(work, target);
  work.due.delete(target);
  target.state.tenant.byAgent.get(target.agentId)?.backlog.delete(target);
}

/** A target that is gone leaves no trace. */
export function forgetTarget(work: Work, target: Target): void {
  unscheduleCheck(work, target);
  work.timers.delete(target);
  work.targets.delete(target);
  target.state.ready.delete(target);
}

export function forgetState(work: Work, state: DesiredState): void {
  work.states.delete(state);
  work.reselectStates.delete(state);
}
