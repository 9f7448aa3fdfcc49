import { type FanoutMemberEnd } from '@fluxforge/events/catalogue';
import { occupy, type Agent } from '@fluxforge/domain/agent';
import { type BrakeImage } from '@fluxforge/domain/brake';
import { type KeyTurns } from '@fluxforge/domain/concurrency';
import { type Breaker } from '@fluxforge/domain/breakers';
import { type ClusterMode } from '@fluxforge/domain/modes';
import { addMember, memberCancelled, type EndedFanout, type Fanout } from '@fluxforge/domain/fanout';
import { type OutputHour, type SubmissionBucket } from '@fluxforge/domain/quotas';
import { type FairShare } from '@fluxforge/domain/scheduling';
import { KeyWindow, noSeats, type EndedTask, type Seats, type Task } from '@fluxforge/domain/task';
import { addLive, type Schedule } from '@fluxforge/domain/schedules';
import { type ApiKey, type JoinToken, type Tenant } from '@fluxforge/domain/tenant';
import { syncFanout } from './fanning.js';
import { gateRulesOf } from './holds.js';
import {
  brakeChanged,
  enqueue,
  promote,
  refreshAgent,
  setOversized,
  syncCrowded,
  syncOpen,
  syncOverloaded,
  timeAgent,
  timeBreaker,
  timeDrain,
  timeLease,
  timeSchedule,
} from './placing.js';
import { type TasksPolicy } from './policy.js';
import { initialState, newRealm, type Realm, type TasksState } from './state.js';

/** Raised with every change of what is written here. A snapshot of another shape is not read. */
export const tasksSnapshotShape = 10;

type AgentMoment = 'breakers' | 'leases' | 'load' | 'pinned' | 'session' | 'lastAnswerAtMs' | 'keptFor';
type AgentImage = Omit<Agent, AgentMoment>;
type LeaseImage = Omit<NonNullable<Task['lease']>, 'renewedAtMs'>;
type TaskImage = Omit<Task, 'lease' | 'specBytes' | keyof Seats> & { readonly lease: LeaseImage | null };

type FanoutImage = Omit<Fanout, 'ends' | 'live' | 'standing'> & {
  readonly ends: [number, FanoutMemberEnd][];
};

interface RealmImage {
  readonly tenant: Omit<Tenant, 'keys' | 'tokens' | 'tokenHashes'>;
  readonly keys: ApiKey[];
  readonly tokens: JoinToken[];
  readonly agents: AgentImage[];
  readonly breakers: Breaker[];
  readonly brake: BrakeImage;
  readonly keyTurns: KeyTurns;
  readonly tasks: TaskImage[];
  readonly schedules: Schedule[];
  readonly deletedSchedules: [string, number][];
  readonly fanouts: FanoutImage[];
  readonly share: FairShare;
  readonly submissions: SubmissionBucket | null;
  readonly output: OutputHour;
  readonly order: number;
}

interface StateImage {
  readonly shape: number;
  readonly partition: number;
  readonly nextOrder: number;
  readonly latestServedMs: number;
  readonly lastFactMs: number;
  readonly clusterModes: ClusterMode;
  readonly keyWindow: [number, string][];
  readonly ended: EndedTask[];
  readonly endedFanouts: EndedFanout[];
  readonly realms: RealmImage[];
}

function byOrder<T extends { readonly order: number }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => a.order - b.order);
}

/** All that facts have made, and nothing momentary. Equal folds give equal texts. */
export function serialize(state: TasksState): string {
  const image: StateImage = {
    shape: tasksSnapshotShape,
    partition: state.partition,
    nextOrder: state.nextOrder,
    latestServedMs: state.latestServedMs,
    lastFactMs: state.lastFactMs,
    clusterModes: state.cluster.modes,
    keyWindow: state.keys.toJson(),
    ended: [...state.endedInOrder],
    endedFanouts: [...state.endedFanouts],
    realms: byOrder(state.realms.values()).map(realmImage),
  };
  return JSON.stringify(image);
}

function realmImage(realm: Realm): RealmImage {
  const { keys, tokens, tokenHashes: _, ...tenant } = realm.tenant;
  return {
    tenant,
    keys: [...keys.values()],
    tokens: [...tokens.values()],
    agents: byOrder(realm.agents.values()).map(agentImage),
    breakers: byOrder(realm.breakers.all()),
    brake: realm.brake.image(),
    keyTurns: realm.concurrency.image(),
    tasks: byOrder(realm.tasks.values()).map(taskImage),
    schedules: byOrder(realm.scheduling.schedules.values()),
    deletedSchedules: [...realm.scheduling.deleted],
    fanouts: byOrder(realm.fanouts.live.values()).map(fanoutImage),
    share: realm.share,
    submissions: realm.submissions,
    output: realm.output,
    order: realm.order,
  };
}

function fanoutImage({ live: _l, standing: _s, ends, ...image }: Fanout): FanoutImage {
  return { ...image, ends: [...ends] };
}

function agentImage(agent: Agent): AgentImage {
  const { breakers: _b, leases: _, load: _l, pinned: _p, session: _s, ...rest } = agent;
  const { lastAnswerAtMs: _a, keptFor: _k, ...image } = rest;
  return image;
}

function taskImage(task: Task): TaskImage {
  const { lane: _l, readySeat: _r, deadlineSeat: _d, specBytes: _b, ...image } = task;
  if (!task.lease) return { ...image, lease: null };
  const { renewedAtMs: _, ...lease } = task.lease;
  return { ...image, lease };
}

/**
 * One tenant's realm alone, in a state of its own in which nothing times out, with the agents that are connected now.
 * What the original goes on to do does not reach it, nor the other way round.
 */
export function cloneRealm(state: TasksState, policy: TasksPolicy, tenantId: string): TasksState | null {
  const realm = state.realms.get(tenantId);
  if (!realm) return null;
  const clone = initialState(state.partition);
  clone.nextOrder = state.nextOrder;
  clone.latestServedMs = state.latestServedMs;
  clone.lastFactMs = state.lastFactMs;
  clone.cluster.modes = { ...state.cluster.modes };
  const image = realmImage(realm);
  restoreRealm(clone, policy, {
    ...image,
    schedules: image.schedules.map((schedule) => ({ ...schedule })),
    submissions: structuredClone(image.submissions),
    output: structuredClone(image.output),
  });
  const copy = clone.realms.get(tenantId)!;
  connectAgents(clone, copy, realm);
  standLike(clone, copy, realm);
  return clone;
}

/** What passes over the original have found out is no fact, and decides all the same what the next one does. */
function standLike(state: TasksState, realm: Realm, original: Realm): void {
  let promotedUntilMs = -Infinity;
  for (const { lane, readyAtMs } of original.tasks.values())
    if (lane) promotedUntilMs = Math.max(promotedUntilMs, readyAtMs);
  promote(state, promotedUntilMs);
  for (const { id } of original.oversized) {
    const task = realm.tasks.get(id)!;
    state.waiting.delete(task);
    setOversized(state, realm, task);
  }
  realm.outputHeldHourMs = original.outputHeldHourMs;
  realm.queue.keepLike(original.queue);
  syncOpen(state, realm);
}

function connectAgents(state: TasksState, realm: Realm, original: Realm): void {
  for (const { id, session, lastAnswerAtMs } of original.agents.values()) {
    const agent = realm.agents.get(id);
    if (!agent) continue;
    agent.session = session && { ...session };
    agent.lastAnswerAtMs = lastAnswerAtMs;
    refreshAgent(state, realm, agent);
  }
}

/** Null when the text is of another shape; throws when it is no JSON at all. */
export function deserialize(text: string, policy: TasksPolicy): TasksState | null {
  const image = JSON.parse(text) as StateImage;
  if (image.shape !== tasksSnapshotShape) return null;
  const state = initialState(image.partition, KeyWindow.fromJson(image.keyWindow));
  state.nextOrder = image.nextOrder;
  state.latestServedMs = image.latestServedMs;
  state.lastFactMs = image.lastFactMs;
  state.cluster.modes = image.clusterModes;
  for (const realm of image.realms) restoreRealm(state, policy, realm);
  for (const ended of image.ended) restoreEnded(state, ended);
  for (const ended of image.endedFanouts) {
    const book = state.realms.get(ended.tenantId)?.fanouts;
    if (book) state.endedFanouts.put(book, ended);
  }
  return state;
}

function restoreRealm(state: TasksState, policy: TasksPolicy, image: RealmImage): void {
  const tenant: Tenant = {
    ...image.tenant,
    keys: new Map(image.keys.map((key) => [key.id, key])),
    tokens: new Map(image.tokens.map((token) => [token.hash, token])),
    tokenHashes: new Map(image.tokens.map((token) => [token.id, token.hash])),
  };
  const realm = newRealm(tenant, image.order, policy, state.cluster, gateRulesOf);
  Object.assign(realm.share, image.share);
  realm.submissions = image.submissions;
  realm.output = image.output;
  state.realms.set(tenant.id, realm);
  realm.brake.restore(image.brake);
  brakeChanged(state, realm);
  syncOverloaded(state, realm);
  // Before the agents: what room one has is asked for when it comes.
  for (const one of image.breakers) {
    const breaker = realm.breakers.put({ ...one, ends: [...one.ends] });
    timeBreaker(state, realm, breaker);
  }
  for (const one of image.agents) {
    const agent: Agent = {
      ...one,
      breakers: realm.breakers,
      leases: new Set(),
      load: { slots: 0, cpuMillis: 0, memoryBytes: 0 },
      pinned: new Set(),
      session: null,
      lastAnswerAtMs: -Infinity,
      keptFor: null,
    };
    realm.agents.set(agent.id, agent);
    realm.brake.stand(agent, false);
    timeDrain(state, agent);
    refreshAgent(state, realm, agent, true);
    timeAgent(state, policy, agent);
  }
  for (const schedule of image.schedules) {
    realm.scheduling.schedules.set(schedule.id, schedule);
    timeSchedule(state, schedule);
  }
  for (const [id, deletedAtMs] of image.deletedSchedules) realm.scheduling.deleted.set(id, deletedAtMs);
  for (const { ends, ...one } of image.fanouts) {
    const derived = { live: new Map<string, number>(), standing: new Set<string>() };
    realm.fanouts.live.set(one.id, { ...one, ends: new Map(ends), ...derived });
  }
  if (realm.brake.hasSilent) state.shaken.add(realm);
  for (const task of image.tasks) restoreTask(state, policy, realm, task);
  realm.concurrency.restore(image.keyTurns);
  for (const fanout of realm.fanouts.live.values()) syncFanout(state, realm, fanout);
  syncCrowded(state, realm);
}

function restoreTask(state: TasksState, policy: TasksPolicy, realm: Realm, image: TaskImage): void {
  const lease = image.lease && { ...image.lease, renewedAtMs: image.lease.leasedAtMs };
  const { spec, bytes } = realm.specs.of(image.spec);
  const task: Task = { ...image, spec, specBytes: bytes, lease, ...noSeats() };
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

/** An id that was opened again lives among the tasks; what its earlier life left only waits to be forgotten. */
function restoreEnded(state: TasksState, ended: EndedTask): void {
  state.endedInOrder.push(ended);
  const realm = state.realms.get(ended.tenantId);
  if (realm && !realm.tasks.has(ended.id)) realm.ended.set(ended.id, ended);
}
