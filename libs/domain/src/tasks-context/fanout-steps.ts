import { type Decided, type TasksEventBody } from '@fluxforge/events/catalogue';
import { stepFanout, type Members } from '@fluxforge/domain/fanout';
import { admitTask, cancelTask, specBytes } from '@fluxforge/domain/task';
import { maxQueuedBytes } from '@fluxforge/domain/tenant';
import { tenantAdmission } from './decide.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** One step of the fan-out whose turn it is, or null: all of them wait. */
export function stepFanouts(
  state: TasksState,
  policy: TasksPolicy,
  nowMs: number,
  room: number,
): Decided<TasksEventBody>[] | null {
  for (let fanout = state.fanoutsDue.peek(); fanout; fanout = state.fanoutsDue.peek()) {
    const realm = state.realms.get(fanout.tenantId)!;
    const events = stepFanout(fanout, membersOf(realm, policy, nowMs));
    // What its concurrency key cancels besides is found again by whoever looks after the keys.
    if (events) return events.slice(0, room);
    state.fanoutsDue.delete(fanout);
    realm.fanouts.held.add(fanout);
  }
  return null;
}

function membersOf(realm: Realm, policy: TasksPolicy, nowMs: number): Members {
  return {
    hasAgent: (agentId) => realm.agents.has(agentId),
    isKnown: (taskId) => realm.tasks.has(taskId) || realm.ended.has(taskId),
    cancel: (taskId) => {
      const task = realm.tasks.get(taskId);
      return task && !task.cancel ? cancelTask(task, 'fanout_cancelled', null) : null;
    },
    admit: (candidate) => admitTask(tenantAdmission(realm, policy), realm.tenant.id, candidate, nowMs),
    neverFits: (spec) => specBytes(spec) > maxQueuedBytes(realm.tenant.limits, policy.defaultLimits),
  };
}
