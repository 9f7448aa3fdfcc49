import { type ReasonCode } from '@fluxforge/events/catalogue';
import {
  couldFit,
  fits,
  fitsKept,
  roomRefusal,
  standingRefusal,
  suits,
  type Agent,
} from '@fluxforge/domain/agent';
import { type Task } from '@fluxforge/domain/task';
import { candidatesShown, type Candidate, type Candidates } from './explanation.js';
import { type Realm } from './state.js';

/** From the farthest from taking the task to the nearest. */
const stages: readonly (ReasonCode | null)[] = [
  'no_agent_matches',
  'requests_too_large',
  'agent_lost',
  'agent_stopping',
  'agent_draining',
  'breaker_open',
  'agent_kept',
  'agents_full',
  null,
];

/** Why this task cannot go to this agent now: by the questions that placement asks, in its words. */
export function refusalOf(agent: Agent, task: Task): ReasonCode | null {
  const { agent_id, executor, selector, requests } = task.spec;
  if (agent_id !== undefined && agent.id !== agent_id) return 'no_agent_matches';
  if (!suits(agent, executor, selector)) return 'no_agent_matches';
  if (!couldFit(agent, requests)) return 'requests_too_large';
  if (agent.keptFor === task.id) {
    return standingRefusal(agent) ?? (fitsKept(agent, requests) ? null : 'agents_full');
  }
  return roomRefusal(agent) ?? (fits(agent, requests) ? null : 'agents_full');
}

export interface Survey extends Candidates {
  /** What is left to overcome at the agent that is nearest; null: one would take it. */
  readonly nearest: ReasonCode | null;
  readonly nearestAgents: readonly Agent[];
}

/** Looks at all agents of the tenant: for a person's question, not for a pass. */
export function surveyAgents(realm: Realm, task: Task): Survey {
  const byStage = stages.map((): Agent[] => []);
  for (const agent of realm.agents.values()) byStage[stages.indexOf(refusalOf(agent, task))]?.push(agent);
  const byReason: Partial<Record<ReasonCode, number>> = {};
  const agents: Candidate[] = [];
  let nearest = 0;
  for (let stage = stages.length - 1; stage >= 0; stage--) {
    const found = byStage[stage]!;
    if (found.length === 0) continue;
    const reason = stages[stage]!;
    nearest = Math.max(nearest, stage);
    byReason[reason ?? 'turn'] = found.length;
    for (const agent of found.slice(0, candidatesShown - agents.length))
      agents.push({ agentId: agent.id, reason });
  }
  return {
    known: realm.agents.size,
    byReason,
    agents,
    nearest: stages[nearest]!,
    nearestAgents: byStage[nearest]!,
  };
}
