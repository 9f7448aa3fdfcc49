import { occupy, type Agent } from '@fluxforge/domain/agent';
import { type BrakeImage } from '@fluxforge/domain/brake';
import { type KeyTurns } from '@fluxforge/domain/concurrency';
import { type Breaker } from '@fluxforge/domain/breakers';
import { addMember, memberCancelled, type Fanout } from '@fluxforge/domain/fanout';
import { type OutputHour, type SubmissionBucket } from '@fluxforge/domain/quotas';
import { type FairShare } from '@fluxforge/domain/scheduling';
import { type Task } from '@fluxforge/domain/task';
import { addLive, addSchedule, type Schedule } from '@fluxforge/domain/schedules';
import { type Tenant } from '@fluxforge/domain/tenant';
import { syncFanout } from './fanning.js';
import { gateRulesOf } from './holds.js';
import {
  brakeChanged,
  enqueue,
  refreshAgent,
  shake,
  syncCrowded,
  syncOverloaded,
  timeAgent,
  timeBreaker,
  timeDrain,
  timeLease,
  timeSchedule,
} from './placing.js';
import { type TasksPolicy } from './policy.js';
import { newRealm, type Realm, type TasksState } from './state.js';

/**
 * A realm put together from its parts, with all that is derived of them, in this order: it is opened, then come its
 * agents, schedules and fan-outs, then its tasks, then it is closed. Of the agents, tasks and so on each list is by
 * `byOrder`.
 */

/** What a realm is opened with. */
export interface RealmBasis {
  readonly tenant: Tenant;
  readonly breakers: readonly Breaker[];
  readonly brake: BrakeImage;
  readonly keyTurns: KeyTurns;
  readonly share: FairShare;
  readonly submissions: SubmissionBucket | null;
  readonly output: OutputHour;
  readonly order: number;
}

export function byOrder<T extends { readonly order: number }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => a.order - b.order);
}

export function openRealm(state: TasksState, policy: TasksPolicy, basis: RealmBasis): Realm {
  const realm = newRealm(basis.tenant, basis.order, policy, state.cluster, gateRulesOf);
  Object.assign(realm.share, basis.share);
  realm.submissions = basis.submissions;
  realm.output = basis.output;
  realm.concurrency.restore(basis.keyTurns);
  state.realms.set(realm.tenant.id, realm);
  realm.brake.restore(basis.brake);
  brakeChanged(state, realm);
  syncOverloaded(state, realm);
  // Before the agents: what room one has is asked for when it comes.
  for (const one of basis.breakers) {
    const breaker = realm.breakers.put({ ...one, ends: [...one.ends] });
    timeBreaker(state, realm, breaker);
  }
  return realm;
}

/** Its leases come with their tasks. */
export function placeAgent(state: TasksState, policy: TasksPolicy, realm: Realm, agent: Agent): void {
  realm.agents.set(agent.id, agent);
  realm.brake.stand(agent, false);
  timeDrain(state, agent);
  refreshAgent(state, realm, agent, true);
  timeAgent(state, policy, agent);
}

export function placeSchedule(state: TasksState, realm: Realm, schedule: Schedule): void {
  addSchedule(realm.scheduling, schedule);
  timeSchedule(state, schedule);
}

/** What lives of it comes with its tasks. */
export function placeFanout(realm: Realm, fanout: Omit<Fanout, 'live' | 'standing'>): void {
  realm.fanouts.live.set(fanout.id, { ...fanout, live: new Map(), standing: new Set() });
}

export function placeTask(state: TasksState, policy: TasksPolicy, realm: Realm, task: Task): void {
  const { lease } = task;
  realm.tasks.set(task.id, task);
  if (task.batch?.schedule_id !== undefined) addLive(realm.scheduling, task.batch.schedule_id, task.id);
  const { fanout_id: fanoutId } = task.batch ?? {};
  if (fanoutId !== undefined) addMember(realm.fanouts, { task_id: task.id, batch: { fanout_id: fanoutId } });
  if (fanoutId !== undefined && task.cancel) memberCancelled(realm.fanouts, fanoutId, task.id);
  realm.concurrency.add(task);
  if (!lease) return enqueue(state, realm, task);
  const agent = realm.agents.get(lease.agentId);
  if (agent) {
    occupy(agent, task.id, task.spec.requests);
    refreshAgent(state, realm, agent);
  }
  if (task.exclusive) realm.applies.set(lease.agentId, task.id);
  timeLease(state, policy, task);
}

export function closeRealm(state: TasksState, realm: Realm): void {
  if (realm.brake.hasSilent) shake(state, realm);
  for (const fanout of realm.fanouts.live.values()) syncFanout(state, realm, fanout);
  syncCrowded(state, realm);
}
