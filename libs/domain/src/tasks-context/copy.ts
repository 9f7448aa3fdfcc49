import { copyAgent } from '@fluxforge/domain/agent';
import { atOnce } from '@fluxforge/domain/kernel';
import { type QueueStanding } from '@fluxforge/domain/scheduling';
import { copyTask } from '@fluxforge/domain/task';
import { promote, setOversized, syncOpen } from './placing.js';
import { type TasksPolicy } from './policy.js';
import {
  byOrder,
  closeRealm,
  openRealm,
  placeAgent,
  placeFanout,
  placeSchedule,
  placeTask,
} from './restoring.js';
import { initialState, type Realm, type TasksState } from './state.js';

/**
 * One tenant's realm alone, in a state of its own in which nothing times out, with the agents that are connected now.
 * What the original goes on to do does not reach it, nor the other way round. In steps, between which the original may
 * move on: all that is read of it is read in the first, so that the copy is of one moment; to put it in its place is
 * what takes long.
 */
export function* copyRealm(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
): Generator<void, TasksState | null> {
  const original = state.realms.get(tenantId);
  if (!original) return null;
  const copy = initialState(state.partition);
  copy.nextOrder = state.nextOrder;
  copy.latestServedMs = state.latestServedMs;
  copy.lastFactMs = state.lastFactMs;
  copy.cluster.modes = { ...state.cluster.modes };
  const realm = openLike(copy, policy, original);
  const agents = byOrder(original.agents.values()).map((agent) => copyAgent(agent, realm.breakers));
  const tasks = byOrder(original.tasks.values()).map(copyTask);
  const standing = standingOf(original);
  yield;
  for (const agent of agents) {
    placeAgent(copy, policy, realm, agent);
    yield;
  }
  for (const task of tasks) {
    placeTask(copy, policy, realm, task);
    yield;
  }
  closeRealm(copy, realm);
  yield* standLike(copy, realm, standing);
  return copy;
}

/** The same in one piece. */
export function cloneRealm(state: TasksState, policy: TasksPolicy, tenantId: string): TasksState | null {
  return atOnce(copyRealm(state, policy, tenantId));
}

/** What `copyRealm` looks at in its first step, for a bound on that. */
export function copiedAtOnce({ tasks, agents, fanouts }: Realm): number {
  let count = tasks.size + agents.size;
  for (const { ends } of fanouts.live.values()) count += ends.size;
  return count;
}

function openLike(state: TasksState, policy: TasksPolicy, original: Realm): Realm {
  const { tenant, scheduling, fanouts } = original;
  const realm = openRealm(state, policy, {
    tenant: {
      ...tenant,
      keys: new Map(tenant.keys),
      tokens: new Map(tenant.tokens),
      tokenHashes: new Map(tenant.tokenHashes),
    },
    breakers: byOrder(original.breakers.all()),
    brake: original.brake.image(),
    keyTurns: original.concurrency.turnsNow(),
    share: original.share,
    submissions: structuredClone(original.submissions),
    output: structuredClone(original.output),
    order: original.order,
  });
  for (const one of byOrder(scheduling.schedules.values())) placeSchedule(state, realm, { ...one });
  for (const [id, deletedAtMs] of scheduling.deleted) realm.scheduling.deleted.set(id, deletedAtMs);
  for (const one of byOrder(fanouts.live.values())) placeFanout(realm, { ...one, ends: new Map(one.ends) });
  return realm;
}

/** What passes over the original have found out is no fact, and decides all the same what the next one does. */
interface Standing {
  readonly promotedUntilMs: number;
  readonly oversized: readonly string[];
  readonly outputHeldHourMs: number | null;
  readonly queue: QueueStanding;
}

function standingOf({ tasks, oversized, outputHeldHourMs, queue }: Realm): Standing {
  let promotedUntilMs = -Infinity;
  for (const { lane, readyAtMs } of tasks.values())
    if (lane) promotedUntilMs = Math.max(promotedUntilMs, readyAtMs);
  const ids = [...oversized].map(({ id }) => id);
  return { promotedUntilMs, oversized: ids, outputHeldHourMs, queue: queue.standing };
}

function* standLike(state: TasksState, realm: Realm, standing: Standing): Generator<void> {
  promote(state, standing.promotedUntilMs);
  for (const id of standing.oversized) {
    const task = realm.tasks.get(id)!;
    state.waiting.delete(task);
    setOversized(state, realm, task);
    yield;
  }
  realm.outputHeldHourMs = standing.outputHeldHourMs;
  realm.queue.keepLike(standing.queue);
  syncOpen(state, realm);
}
