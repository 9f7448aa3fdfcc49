import { refreshAgent } from './placing.js';
import { type TasksState } from './state.js';

/**
 * Streams are not in the log. For a state that was folded from it alone, agents that were found and not lost are
 * taken to have had one, and to be willing: by the facts the owner thought so as well.
 */
export function presumeConnected(state: TasksState, tenantId: string): void {
  const realm = state.realms.get(tenantId);
  if (!realm) return;
  for (const agent of realm.agents.values()) {
    if (agent.standing !== 'found' || agent.session) continue;
    agent.session = { id: 'presumed', stopping: false };
    refreshAgent(state, realm, agent);
  }
}
