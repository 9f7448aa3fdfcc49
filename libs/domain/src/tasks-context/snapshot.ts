import { type FanoutMemberEnd } from '@fluxforge/events/catalogue';
import { copyAgent, type Agent } from '@fluxforge/domain/agent';
import { type ClusterMode } from '@fluxforge/domain/modes';
import { type EndedFanout, type Fanout } from '@fluxforge/domain/fanout';
import { copyTask, KeyWindow, type EndedTask, type Seats, type Task } from '@fluxforge/domain/task';
import { type Schedule } from '@fluxforge/domain/schedules';
import { type ApiKey, type JoinToken, type Tenant } from '@fluxforge/domain/tenant';
import { type TasksPolicy } from './policy.js';
import {
  byOrder,
  closeRealm,
  openRealm,
  placeAgent,
  placeFanout,
  placeSchedule,
  placeTask,
  type RealmBasis,
} from './restoring.js';
import { initialState, type Realm, type TasksState } from './state.js';

/** Raised with every change of what is written here. A snapshot of another shape is not read. */
export const tasksSnapshotShape = 10;

type AgentMoment = 'breakers' | 'leases' | 'load' | 'pinned' | 'session' | 'lastAnswerAtMs' | 'keptFor';
type AgentImage = Omit<Agent, AgentMoment>;
type LeaseImage = Omit<NonNullable<Task['lease']>, 'renewedAtMs' | 'heldSinceMs'>;
type TaskImage = Omit<Task, 'lease' | 'specBytes' | keyof Seats> & { readonly lease: LeaseImage | null };

type FanoutImage = Omit<Fanout, 'ends' | 'live' | 'standing'> & {
  readonly ends: [number, FanoutMemberEnd][];
};

interface RealmImage extends Omit<RealmBasis, 'tenant'> {
  readonly tenant: Omit<Tenant, 'keys' | 'tokens' | 'tokenHashes'>;
  readonly keys: ApiKey[];
  readonly tokens: JoinToken[];
  readonly agents: AgentImage[];
  readonly tasks: TaskImage[];
  readonly schedules: Schedule[];
  readonly deletedSchedules: [string, number][];
  readonly fanouts: FanoutImage[];
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
  const { renewedAtMs: _, heldSinceMs: _h, ...lease } = task.lease;
  return { ...image, lease };
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
  const realm = openRealm(state, policy, {
    ...image,
    tenant: {
      ...image.tenant,
      keys: new Map(image.keys.map((key) => [key.id, key])),
      tokens: new Map(image.tokens.map((token) => [token.hash, token])),
      tokenHashes: new Map(image.tokens.map((token) => [token.id, token.hash])),
    },
  });
  for (const one of image.agents) {
    const alone = { ...one, session: null, lastAnswerAtMs: -Infinity };
    placeAgent(state, policy, realm, copyAgent(alone, realm.breakers));
  }
  for (const schedule of image.schedules) placeSchedule(state, realm, schedule);
  for (const [id, deletedAtMs] of image.deletedSchedules) realm.scheduling.deleted.set(id, deletedAtMs);
  for (const { ends, ...one } of image.fanouts) placeFanout(realm, { ...one, ends: new Map(ends) });
  for (const one of image.tasks) {
    const lease = one.lease && { ...one.lease, renewedAtMs: one.lease.leasedAtMs, heldSinceMs: null };
    const { spec, bytes } = realm.specs.of(one.spec);
    placeTask(state, policy, realm, copyTask({ ...one, spec, specBytes: bytes, lease }));
  }
  closeRealm(state, realm);
}

/** An id that was opened again lives among the tasks; what its earlier life left only waits to be forgotten. */
function restoreEnded(state: TasksState, ended: EndedTask): void {
  state.endedInOrder.push(ended);
  const realm = state.realms.get(ended.tenantId);
  if (realm && !realm.tasks.has(ended.id)) realm.ended.set(ended.id, ended);
}
