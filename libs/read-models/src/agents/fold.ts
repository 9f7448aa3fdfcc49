import { type FactOf, isoOrNull, type ProjectedEvent } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { type AgentEntity } from './entity.js';

export const agentsView: View = {
  want({ fact }, rows) {
    switch (fact.type) {
      case 'agent.enrolled':
      case 'agent.found':
      case 'agent.lost':
      case 'agent.changed':
      case 'agent.drain-set':
      case 'agent.removed':
        rows.agents.want(fact.tenantId, fact.data.agent_id);
        return;
      default:
    }
  },

  fold(event, rows) {
    const { fact, time } = event;
    switch (fact.type) {
      case 'agent.enrolled':
        return enrolled(fact, time, rows);
      case 'agent.found':
        return changed(event, rows, { phase: 'found', reason: fact.data.reason, since: time });
      case 'agent.lost':
        return changed(event, rows, { phase: 'lost', reason: fact.data.reason, since: time });
      case 'agent.changed': {
        const { labels, slots, executors, agent_version, capacity = null } = fact.data;
        return changed(event, rows, { labels, slots, executors, agent_version, capacity }, 'declared');
      }
      case 'agent.drain-set':
        return changed(event, rows, drained(fact.data, time), 'declared');
      case 'agent.removed':
        return changed(event, rows, { phase: 'removed', reason: 'agent_removed', since: time });
      default:
    }
  },
};

function drained(
  { drain, deadline_ms }: FactOf<'agent.drain-set'>['data'],
  time: string,
): Partial<AgentEntity> {
  return { draining: drain, drain_set_at: time, drain_deadline: drain ? isoOrNull(deadline_ms) : null };
}

function enrolled(fact: FactOf<'agent.enrolled'>, time: string, rows: ViewRows): void {
  const { agent_id, name, labels, slots, executors, agent_version, capacity = null } = fact.data;
  const before = rows.agents.get(fact.tenantId, agent_id);
  rows.agents.put({
    tenant_id: fact.tenantId,
    id: agent_id,
    name,
    labels,
    generation: (before?.generation ?? 0) + 1,
    resource_version: (before?.resource_version ?? 0) + 1,
    created_at: before?.created_at ?? time,
    updated_at: time,
    slots,
    executors,
    agent_version,
    capacity,
    phase: 'enrolled',
    reason: '',
    since: time,
    draining: false,
    drain_set_at: null,
    drain_deadline: null,
  });
}

function changed(
  event: ProjectedEvent,
  rows: ViewRows,
  change: Partial<AgentEntity>,
  what: 'observed' | 'declared' = 'observed',
): void {
  const { fact, time } = event;
  const agent = rows.agents.get(fact.tenantId, (fact.data as { agent_id: string }).agent_id);
  if (!agent) return;
  rows.agents.put({
    ...agent,
    ...change,
    generation: agent.generation + (what === 'declared' ? 1 : 0),
    resource_version: agent.resource_version + 1,
    updated_at: time,
  });
}
