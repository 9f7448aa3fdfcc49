import { usedBytes } from '@fluxforge/domain/quotas';
import { rankOf } from '@fluxforge/domain/scheduling';
import { realmHold } from './holds.js';
import { promote, refreshAgent } from './placing.js';
import { hasRoomToPrint } from './plan.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/**
 * What an explanation of a queued task as of a time in the past takes for true, because no event says it. Closed list,
 * in `docs/admission.md` as well.
 */
export type Assumption = 'agents_connected' | 'no_agent_kept' | 'output_quota_open';

/** As many times as far as one pass of the owner looks through a queue. */
const passes = 64;

/**
 * Makes a state that was folded from the log alone such as its owner's would have been at that time, as far as that can
 * be told. The state is the caller's own.
 */
export function presumeOwner(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
  atMs: number,
): readonly Assumption[] {
  const realm = state.realms.get(tenantId);
  if (!realm) return [];
  presumeConnected(state, realm);
  const assumed: Assumption[] = ['agents_connected'];
  if (mayHaveKept(policy, realm, atMs)) assumed.push('no_agent_kept');
  if (mayBeHeldUnseen(state, policy, realm, atMs)) assumed.push('output_quota_open');
  return assumed;
}

/** An agent is kept for what asks for more than others do and has waited a step of aging beyond the top. */
function mayHaveKept({ agingMs }: TasksPolicy, { tasks }: Realm, atMs: number): boolean {
  for (const task of tasks.values())
    if (!task.lease && task.spec.requests && rankOf(task, agingMs) + agingMs <= atMs) return true;
  return false;
}

/**
 * Streams are not in the log. Agents that were found and not lost are taken to have had one, and to be willing: by the
 * facts the owner thought so as well.
 */
function presumeConnected(state: TasksState, realm: Realm): void {
  for (const agent of realm.agents.values()) {
    if (agent.standing !== 'found' || agent.session) continue;
    agent.session = { id: 'presumed', stopping: false };
    refreshAgent(state, realm, agent);
  }
}

/**
 * That the output quota holds a tenant back is found by the owner's pass, when the task whose turn it is has no room.
 * The same pass, made here, finds it as well. Not so when that task was not next any more at this time, because it was
 * cancelled or another came before it: the hold stays until a run ends, and nothing says so. True: it may be like that.
 */
function mayBeHeldUnseen(state: TasksState, policy: TasksPolicy, realm: Realm, atMs: number): boolean {
  const { output_bytes_per_hour: limit } = realm.tenant.limits;
  if (limit === undefined || usedBytes(realm.output, atMs) === 0 || realmHold(realm, atMs)) return false;
  promote(state, atMs);
  const looks = { left: passes * policy.looksInARow };
  for (let next = realm.queue.choose(looks); next; next = realm.queue.choose(looks)) {
    if (hasRoomToPrint(state, realm, next.task, atMs)) return true;
    if (realmHold(realm, atMs)) return false;
  }
  return true;
}
