import {
  type EventData,
  type Fact,
  type JournalEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { relimit } from '@fluxforge/domain/quotas';
import { evolveSchedule, type ScheduleFact } from '@fluxforge/domain/schedules';
import { evolveTenant, newTenant } from '@fluxforge/domain/tenant';
import { chargeOnce } from './charging.js';
import { breakerTurned, enrolled, evolveAgent } from './evolve-agents.js';
import { evolveTask, queued, rejected } from './evolve-tasks.js';
import { fanoutChanged, releaseFanouts } from './fanning.js';
import { gateRulesOf } from './holds.js';
import { brakeChanged, limitsChanged, syncOpen, syncOverloaded, timeSchedule } from './placing.js';
import { type TasksPolicy } from './policy.js';
import { newRealm, type Realm, type TasksState } from './state.js';

type Own = TasksEventBody | JournalEventBody;

/** Folds one fact. What does not fit (an id that is not known, a wrong life) changes nothing. */
export function evolve(state: TasksState, policy: TasksPolicy, fact: Fact<Own>): void {
  if (fact.timeMs > state.lastFactMs) state.lastFactMs = fact.timeMs;
  if (fact.type === 'tenant.created') return openRealm(state, policy, fact);
  if (fact.type === 'cluster.mode-set') return clusterModeSet(state, fact.data);
  if (fact.type === 'task.rejected') return rejected(state, policy, fact);
  const realm = state.realms.get(fact.tenantId);
  if (realm) evolveRealm(state, policy, realm, fact);
}

function openRealm(
  state: TasksState,
  policy: TasksPolicy,
  fact: Fact<Extract<Own, { type: 'tenant.created' }>>,
): void {
  if (state.realms.has(fact.tenantId)) return;
  const tenant = newTenant(fact.data, fact.timeMs);
  state.realms.set(tenant.id, newRealm(tenant, state.nextOrder++, policy, state.cluster, gateRulesOf));
}

function clusterModeSet(state: TasksState, { mode, reason, by }: EventData<'cluster.mode-set'>): void {
  state.cluster.modes = { ...state.cluster.modes, [by]: { mode, reason } };
  for (const realm of state.realms.values()) {
    syncOpen(state, realm);
    releaseFanouts(state, realm);
  }
}

function limitsSet(
  state: TasksState,
  realm: Realm,
  fact: Fact<Extract<Own, { type: 'tenant.limits-set' }>>,
): void {
  realm.submissions = relimit(realm.submissions, realm.tenant.limits, fact.data.limits, fact.timeMs);
  evolveTenant(realm.tenant, fact);
  limitsChanged(state, realm);
  releaseFanouts(state, realm);
}

function evolveRealm(state: TasksState, policy: TasksPolicy, realm: Realm, fact: Fact<Own>): void {
  switch (fact.type) {
    case 'tenant.limits-set':
      return limitsSet(state, realm, fact);
    case 'tenant.mode-set':
    case 'tenant.overload-set':
      evolveTenant(realm.tenant, fact);
      syncOverloaded(state, realm);
      releaseFanouts(state, realm);
      return syncOpen(state, realm);
    case 'tenant.brake-set':
      realm.brake.set(fact.data, fact.timeMs);
      return brakeChanged(state, realm);
    case 'tenant.key-added':
    case 'tenant.key-revoked':
    case 'join-token.created':
      return evolveTenant(realm.tenant, fact);
    case 'agent.enrolled':
      return enrolled(state, realm, fact.data);
    case 'agent.found':
    case 'agent.lost':
    case 'agent.changed':
    case 'agent.drain-set':
    case 'agent.removed': {
      const agent = realm.agents.get(fact.data.agent_id);
      return agent && evolveAgent(state, policy, realm, agent, fact);
    }
    case 'breaker.opened':
    case 'breaker.half-opened':
    case 'breaker.closed':
      return breakerTurned(state, realm, fact);
    case 'schedule.created':
    case 'schedule.updated':
    case 'schedule.suspended':
    case 'schedule.deleted':
    case 'schedule.fired':
      return scheduled(state, realm, fact);
    case 'fanout.started':
    case 'fanout.rejected':
    case 'fanout.cancelled':
    case 'fanout.ended':
      return fanoutChanged(state, policy, realm, fact);
    case 'task.queued':
      return queued(state, realm, fact.data, fact.timeMs);
    case 'task.leased':
    case 'task.started':
    case 'task.attempt-ended':
    case 'task.cancel-requested':
    case 'task.move-requested':
    case 'task.ended': {
      const task = realm.tasks.get(fact.data.task_id);
      if (task?.life === fact.data.life) evolveTask(state, policy, realm, task, fact);
      return;
    }
    default:
      // Answers, ignored reports and the journal's own facts change nothing here.
      return;
  }
}

function scheduled(state: TasksState, realm: Realm, fact: ScheduleFact): void {
  const changed = evolveSchedule(realm.scheduling, fact, state.nextOrder);
  if (fact.type === 'schedule.created' && changed) state.nextOrder += 1;
  if (changed && (fact.type === 'schedule.created' || fact.type === 'schedule.updated')) {
    chargeOnce(realm, fact.data, fact.timeMs);
  }
  if (fact.type === 'schedule.fired') state.moment.firedInARow += 1;
  if (changed) timeSchedule(state, changed);
}
