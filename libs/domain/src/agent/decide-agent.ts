import {
  type Command,
  type Decided,
  type JournalEventBody,
  type Resources,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, clamp, decided, mergeLabels, rejected, sameLabels } from '@fluxforge/domain/kernel';
import { type Tenant } from '@fluxforge/domain/tenant';
import { type Agent } from './agent.js';
import { type ConnectedMessage } from './messages.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
type Of<T extends TasksCommandBody['type']> = Command<Extract<TasksCommandBody, { type: T }>>;

export type AgentCommand = Of<'agent.enrol' | 'agent.drain' | 'agent.remove'>;

/** A tenant and its agents, as far as the rules here look. */
export interface Fleet {
  readonly tenant: Tenant;
  readonly agents: ReadonlyMap<string, Agent>;
}

export function decideAgent(fleet: Fleet | undefined, command: AgentCommand, nowMs: number): Answer {
  switch (command.type) {
    case 'agent.enrol':
      return enrol(fleet, command, nowMs);
    case 'agent.drain':
      return drain(fleet, command);
    case 'agent.remove':
      return remove(fleet, command);
  }
}

const invalidToken = 'The join token is unknown, used or expired.';

/**
 * A token admits one agent. The same token with the same credential is the same agent asking again (its
 * answer was lost): it gets the same answer, also after the token's time.
 */
function enrol(fleet: Fleet | undefined, command: Of<'agent.enrol'>, nowMs: number): Answer {
  const { data } = command;
  const token = fleet?.tenant.tokens.get(data.token_hash);
  if (!fleet || !token) return [rejected(command, 'token_invalid', invalidToken)];
  if (token.used) {
    const same = token.used.credentialHash === data.credential_hash && fleet.agents.has(token.used.agentId);
    if (same) return [accepted(command, token.used.agentId)];
    return [rejected(command, 'token_invalid', invalidToken)];
  }
  if (token.expiresAtMs <= nowMs) return [rejected(command, 'token_invalid', invalidToken)];
  if (fleet.agents.has(data.agent_id)) {
    return [rejected(command, 'already_exists', 'An agent of this id exists.', data.agent_id)];
  }
  if (fleet.agents.size >= fleet.tenant.limits.max_agents) {
    return [rejected(command, 'quota_exceeded', 'The tenant has as many agents as it may have.')];
  }
  const { token_hash: _, labels, ...said } = data;
  return [
    decided('agent.enrolled', fleet.tenant.id, data.agent_id, {
      ...said,
      token_id: token.id,
      token_labels: token.labels,
      labels: mergeLabels(labels, token.labels),
    }),
  ];
}

function drain(fleet: Fleet | undefined, command: Of<'agent.drain'>): Answer {
  const { agent_id, drain, deadline_ms } = command.data;
  const agent = fleet?.agents.get(agent_id);
  if (!agent) return [rejected(command, 'not_found', 'There is no such agent.')];
  const untilMs = (drain ? deadline_ms : undefined) ?? null;
  if (agent.draining === drain && agent.drainDeadlineMs === untilMs) return [accepted(command, agent_id)];
  const data = { agent_id, drain, ...(untilMs !== null && { deadline_ms: untilMs }) };
  return [decided('agent.drain-set', agent.tenantId, agent_id, data)];
}

function remove(fleet: Fleet | undefined, command: Of<'agent.remove'>): Answer {
  const { agent_id } = command.data;
  const agent = fleet?.agents.get(agent_id);
  if (!agent) return [rejected(command, 'not_found', 'There is no such agent.')];
  return [decided('agent.removed', agent.tenantId, agent_id, { agent_id })];
}

/** What a connection tells that the log does not know. Changes come first: who hears "found" reads them. */
export function decideConnected(agent: Agent, message: ConnectedMessage): Answer {
  const events: Answer = [];
  const labels = mergeLabels(message.labels, agent.tokenLabels);
  const slots = clamp(Math.floor(message.slots), 1, 1024);
  const executors = [...new Set(message.executors)].sort();
  const same =
    sameLabels(labels, agent.labels) &&
    slots === agent.slots &&
    sameResources(message.capacity ?? null, agent.capacity) &&
    message.agentVersion === agent.version &&
    executors.join() === [...agent.executors].sort().join();
  if (!same) {
    events.push(
      decided('agent.changed', agent.tenantId, agent.id, {
        agent_id: agent.id,
        labels,
        slots,
        executors,
        agent_version: message.agentVersion.slice(0, 64),
        ...(message.capacity && { capacity: message.capacity }),
      }),
    );
  }
  return [...events, ...decideAnswered(agent)];
}

function sameResources(a: Resources | null, b: Resources | null): boolean {
  return a?.cpu_millis === b?.cpu_millis && a?.memory_bytes === b?.memory_bytes;
}

/** Any answer of an agent that was not known to be there. */
export function decideAnswered(agent: Agent): Answer {
  if (agent.standing === 'found') return [];
  const reason = agent.standing === 'lost' ? 'reconnected' : 'connected';
  return [decided('agent.found', agent.tenantId, agent.id, { agent_id: agent.id, reason })];
}
