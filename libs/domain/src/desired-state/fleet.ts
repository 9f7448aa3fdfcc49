import {
  type Fact,
  type Labels,
  type ReasonCode,
  type TaskEnd,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { mergeLabels, sameLabels } from '@fluxforge/domain/kernel';
import { tenantOf } from './desired-state.js';
import { type AgentView, type StatesState, type Tenant } from './model.js';
import { foundAgainWithinMs } from './target.js';
import { markAgent, markTarget, wantSoon } from './work.js';

/**
 * More ends than these are not kept per agent: the oldest go. Where both folds are at hand they are pruned
 * long before; only a fold that runs alone over a long history comes near.
 */
const maxEndsPerAgent = 1024;

/** Folds an event of the tasks context. Reads and writes only the foreign part; marks what it may concern. */
export function evolveFleet(state: StatesState, fact: Fact<TasksEventBody>): void {
  const tenant = tenantOf(state, fact.tenantId);
  switch (fact.type) {
    case 'tenant.created':
    case 'tenant.limits-set':
      tenant.limits = fact.data.limits;
      return;
    case 'agent.enrolled':
      tenant.agents.set(fact.data.agent_id, enrolled(fact.data));
      return markAgent(state.work, tenant, fact.data.agent_id);
    case 'agent.changed':
      return relabel(state, tenant, fact.data.agent_id, fact.data.labels);
    case 'agent.found':
      return setStanding(state, tenant, fact.data.agent_id, 'found');
    case 'agent.lost':
      return setStanding(state, tenant, fact.data.agent_id, 'lost');
    case 'agent.drain-set':
      return setDraining(state, tenant, fact.data.agent_id, fact.data.drain);
    case 'agent.removed':
      tenant.agents.delete(fact.data.agent_id);
      markTargets(state, tenant, fact.data.agent_id);
      return markAgent(state.work, tenant, fact.data.agent_id);
    case 'task.ended':
      return keepEnd(state, tenant, fact.data, fact.data.end);
    case 'task.rejected':
      return keepEnd(state, tenant, fact.data, 'rejected');
    default:
  }
}

function enrolled(data: {
  readonly agent_id: string;
  readonly token_labels: Labels;
  readonly labels: Labels;
}): AgentView {
  return {
    id: data.agent_id,
    tokenLabels: data.token_labels,
    labels: mergeLabels(data.labels, data.token_labels),
    standing: 'enrolled',
    draining: false,
    ends: new Map(),
  };
}

function relabel(state: StatesState, tenant: Tenant, agentId: string, labels: Labels): void {
  const agent = tenant.agents.get(agentId);
  if (!agent) return;
  const merged = mergeLabels(labels, agent.tokenLabels);
  if (sameLabels(merged, agent.labels)) return;
  agent.labels = merged;
  markAgent(state.work, tenant, agentId);
}

function setStanding(state: StatesState, tenant: Tenant, agentId: string, standing: 'found' | 'lost'): void {
  const agent = tenant.agents.get(agentId);
  if (!agent || agent.standing === standing) return;
  agent.standing = standing;
  markTargets(state, tenant, agentId);
  if (standing === 'lost') return;
  for (const target of tenant.byAgent.get(agentId)?.targets.values() ?? []) {
    wantSoon(state.work, target, foundAgainWithinMs);
  }
}

function setDraining(state: StatesState, tenant: Tenant, agentId: string, draining: boolean): void {
  const agent = tenant.agents.get(agentId);
  if (!agent) return;
  agent.draining = draining;
  markTargets(state, tenant, agentId);
}

function markTargets(state: StatesState, tenant: Tenant, agentId: string): void {
  for (const target of tenant.byAgent.get(agentId)?.targets.values() ?? []) markTarget(state.work, target);
}

interface Ended {
  readonly task_id: string;
  readonly reason: ReasonCode;
  readonly origin?: { readonly state_id: string; readonly agent_id: string };
}

function keepEnd(state: StatesState, tenant: Tenant, data: Ended, end: TaskEnd): void {
  if (!data.origin) return;
  const { state_id: stateId, agent_id: agentId } = data.origin;
  const agent = tenant.agents.get(agentId);
  if (!agent) return;
  agent.ends.set(data.task_id, { stateId, end, reason: data.reason });
  if (agent.ends.size > maxEndsPerAgent) agent.ends.delete(agent.ends.keys().next().value!);
  const target = tenant.byAgent.get(agentId)?.targets.get(stateId);
  if (target) markTarget(state.work, target);
}

/** Drops what no target waits for. Only where both folds have come to the same point. */
export function pruneEnds(tenant: Tenant, agentId: string): void {
  const ends = tenant.agents.get(agentId)?.ends;
  if (!ends || ends.size === 0) return;
  const targets = tenant.byAgent.get(agentId)?.targets;
  for (const [taskId, { stateId }] of ends) {
    const target = targets?.get(stateId);
    const inFlight = target?.stage === 'requested' && target.remediation?.taskId === taskId;
    if (!inFlight && target?.settling?.taskId !== taskId) ends.delete(taskId);
  }
}
