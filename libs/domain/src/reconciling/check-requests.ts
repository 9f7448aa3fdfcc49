import { type CheckRequest } from '@fluxforge/events/catalogue';
import { roundOf, type AgentTargets, type StatesState, type Target } from '@fluxforge/domain/desired-state';
import { ask, expireAnswers } from './check-schedule.js';
import { type ReconcilingPolicy } from './policy.js';
import { surroundings } from './remediation.js';

type Checks = (typeof CheckRequest)['static']['checks'];

/** An agent is to be asked for these checks. Nobody minds if it is lost: the answer is then overdue. */
export interface RequestChecks {
  readonly kind: 'request-checks';
  readonly tenantId: string;
  readonly agentId: string;
  readonly checks: Checks;
}

export function requestDueChecks(
  state: StatesState,
  nowMs: number,
  policy: ReconcilingPolicy,
): RequestChecks[] {
  const { work } = state;
  expireAnswers(state, nowMs, policy);
  if (work.due.peekRank() > nowMs && work.roomy.size === 0) return [];
  const requests = new Requests(policy.checksPerRequest);
  // Those that waited longest first.
  for (const agent of work.roomy) {
    work.roomy.delete(agent);
    for (const target of agent.backlog) {
      if (agent.asked >= policy.checksInFlightPerAgent) break;
      agent.backlog.delete(target);
      if (ask(work, target, nowMs, policy)) requests.add(agent, target);
    }
  }
  for (let left = policy.checksPerPulse; left > 0 && work.due.peekRank() <= nowMs; left--) {
    const target = work.due.peek()!;
    const agent = target.state.tenant.byAgent.get(target.agentId);
    if (ask(work, target, nowMs, policy) && agent) requests.add(agent, target);
  }
  return requests.effects;
}

/** One request per agent, a further one where it would become too long. */
class Requests {
  readonly effects: RequestChecks[] = [];
  private readonly open = new Map<AgentTargets, Checks>();

  constructor(private readonly maxChecks: number) {}

  add(agent: AgentTargets, target: Target): void {
    let checks = this.open.get(agent);
    if (!checks || checks.length >= this.maxChecks) {
      checks = [];
      this.open.set(agent, checks);
      this.effects.push({
        kind: 'request-checks',
        tenantId: agent.tenant.id,
        agentId: agent.agentId,
        checks,
      });
    }
    checks.push(checkOf(target));
  }
}

function checkOf(target: Target): Checks[number] {
  const { id, generation, spec } = target.state;
  return {
    state_id: id,
    generation,
    round: roundOf(target),
    check_cmd: spec.check_cmd,
    timeout_ms: spec.check_timeout_ms,
    ...surroundings(target),
  };
}
