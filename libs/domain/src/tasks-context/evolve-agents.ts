import {
  type AttemptOutcome,
  type EventData,
  type Fact,
  type JournalEventBody,
  type TaskEnd,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { newAgent, type Agent } from '@fluxforge/domain/agent';
import { closeBreaker, halfOpenBreaker, openBreaker } from '@fluxforge/domain/breakers';
import { type Lease, type Task } from '@fluxforge/domain/task';
import { useToken } from '@fluxforge/domain/tenant';
import { releaseFanouts } from './fanning.js';
import { breakerChanged, dropAgent, refreshAgent, shake, timeAgent, timeDrain } from './placing.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** Folds of what becomes of agents, and of what their runs say about them. */

type Own = TasksEventBody | JournalEventBody;

export function enrolled(state: TasksState, realm: Realm, data: EventData<'agent.enrolled'>): void {
  if (realm.agents.has(data.agent_id)) return;
  useToken(realm.tenant, data.token_id, data.agent_id, data.credential_hash);
  const agent = newAgent(data, realm.tenant.id, state.nextOrder++, realm.breakers);
  realm.agents.set(agent.id, agent);
  releaseFanouts(state, realm);
  refreshAgent(state, realm, agent, true);
}

type AgentFact = Fact<
  Extract<Own, { type: 'agent.found' | 'agent.lost' | 'agent.changed' | 'agent.drain-set' | 'agent.removed' }>
>;

export function evolveAgent(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  agent: Agent,
  fact: AgentFact,
): void {
  switch (fact.type) {
    case 'agent.found':
      return stands(state, policy, realm, agent, 'found');
    case 'agent.lost':
      agent.lostAtMs = fact.timeMs;
      return stands(state, policy, realm, agent, 'lost');
    case 'agent.changed':
      agent.labels = fact.data.labels;
      agent.slots = fact.data.slots;
      agent.capacity = fact.data.capacity ?? null;
      agent.executors = fact.data.executors;
      agent.version = fact.data.agent_version;
      return refreshAgent(state, realm, agent, true);
    case 'agent.drain-set':
      agent.draining = fact.data.drain;
      agent.drainDeadlineMs = fact.data.deadline_ms ?? null;
      timeDrain(state, agent);
      return refreshAgent(state, realm, agent);
    case 'agent.removed':
      dropAgent(state, realm, agent);
      return releaseFanouts(state, realm);
  }
}

function stands(
  state: TasksState,
  policy: TasksPolicy,
  realm: Realm,
  agent: Agent,
  standing: 'found' | 'lost',
): void {
  const wasFound = agent.standing === 'found';
  agent.standing = standing;
  realm.brake.stand(agent, wasFound);
  shake(state, realm);
  timeAgent(state, policy, agent);
  refreshAgent(state, realm, agent);
}

type BreakerFact = Fact<Extract<Own, { type: 'breaker.opened' | 'breaker.half-opened' | 'breaker.closed' }>>;

export function breakerTurned(state: TasksState, realm: Realm, fact: BreakerFact): void {
  const breaker = realm.breakers.find(fact.data.scope, fact.data.name);
  if (!breaker) return;
  realm.breakers.change(breaker, (one) => {
    if (fact.type === 'breaker.opened') openBreaker(one, fact.data);
    else if (fact.type === 'breaker.half-opened') halfOpenBreaker(one);
    else closeBreaker(one);
  });
  breakerChanged(state, realm, breaker);
}

/** What the run says of the machine that it ran on, and of those near it. */
export function learn(
  state: TasksState,
  realm: Realm,
  { id: taskId, life, spec, cancel }: Task,
  { attempt, agentId, domain, leasedAtMs, isMoving }: Lease,
  ended: {
    readonly outcome: AttemptOutcome;
    readonly exit_code?: number;
    readonly end?: TaskEnd;
    readonly timeMs: number;
  },
): void {
  const { executor, command } = spec;
  const { outcome, exit_code: exitCode, timeMs: endedAtMs } = ended;
  const place = { taskId, life, attempt, agentId, domain, leasedAtMs, endedAtMs };
  const run = {
    ...place,
    executor,
    command,
    outcome,
    exitCode,
    wasCancelled: cancel !== null || isMoving || ended.end === 'expired',
  };
  // One whose agent was removed says nothing of an agent any more.
  const isKnown = realm.agents.has(agentId);
  const order = (): number => state.nextOrder++;
  for (const breaker of realm.breakers.record(run, isKnown, order)) breakerChanged(state, realm, breaker);
}
