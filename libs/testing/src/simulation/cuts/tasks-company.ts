import { type Agent, type AgentMessage } from '@fluxforge/domain/agent';
import { type TasksEffect, type TasksMessage, type TasksState } from '@fluxforge/domain/tasks-context';
import {
  type JournalEventBody,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { type Prng } from '../prng.js';
import { type Company } from './company.js';
import { type Twins } from './twins.js';

type TasksOwn = TasksEventBody | JournalEventBody;
type TasksTwins = Twins<TasksState, TasksMessage, TasksEffect, TasksOwn, StatesEventBody>;
type Realm = TasksState['realms'] extends Map<string, infer R> ? R : never;

/** Agents that are always there and answer; what they run ends when it is to. */
export const tasksCompany: Company<TasksState, TasksMessage, TasksEffect, TasksOwn, StatesEventBody> = {
  inOrder: true,

  attend(twins) {
    for (const [realm, agent] of agentsOf(twins)) twins.observe(word(realm, agent, twins.nowMs));
  },

  live(twins, prng) {
    for (const [realm, agent] of agentsOf(twins)) {
      if (prng.chance(0.8)) hear(twins, word(realm, agent, twins.nowMs));
    }
    for (const result of resultsOf(twins, prng)) hear(twins, result);
  },
};

function agentsOf({ state }: TasksTwins): [Realm, Agent][] {
  return [...state.realms.values()].flatMap((realm) =>
    [...realm.agents.values()].map((agent): [Realm, Agent] => [realm, agent]),
  );
}

function hear(twins: TasksTwins, message: AgentMessage): void {
  twins.observe(message);
  twins.take(twins.decide({ kind: 'message', message }));
}

/** Of an agent that holds all that it was given. */
function word({ tasks }: Realm, agent: Agent, nowMs: number): AgentMessage {
  const { id: agentId, tenantId, session, labels, slots, capacity, executors, version: agentVersion } = agent;
  const held = [...agent.leases].map((taskId) => {
    const { life, attemptsUsed: attempt } = tasks.get(taskId)!;
    return { taskId, life, attempt, finished: false };
  });
  const from = { tenantId, agentId, sessionId: 'after-cut' };
  if (session) return { kind: 'heartbeat', ...from, answeredAtMs: nowMs, freeSlots: slots, running: held };
  const hello = { labels, slots, executors, agentVersion, ...(capacity && { capacity }) };
  return { kind: 'connected', ...from, ...hello, inventory: held };
}

function resultsOf({ state }: TasksTwins, prng: Prng): AgentMessage[] {
  const results: AgentMessage[] = [];
  for (const { tenant, tasks } of state.realms.values()) {
    for (const { id: taskId, life, lease } of tasks.values()) {
      if (!lease || !prng.chance(0.4)) continue;
      const { agentId, attempt } = lease;
      const run = { outcome: 'exited', exit_code: prng.below(2) } as const;
      results.push({ kind: 'result', tenantId: tenant.id, agentId, taskId, life, attempt, run });
    }
  }
  return results;
}
