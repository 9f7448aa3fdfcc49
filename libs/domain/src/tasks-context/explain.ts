import { type ReasonCode, type TaskEnd } from '@fluxforge/events/catalogue';
import { freeSlots, suits, type Agent } from '@fluxforge/domain/agent';
import { effectivePriority } from '@fluxforge/domain/scheduling';
import { deadlineMs, type Task } from '@fluxforge/domain/task';
import { type TasksPolicy } from './policy.js';
import { taskOf, type Realm, type TasksState } from './state.js';

/** How many agents are left after each question that placement asks. */
export interface Candidates {
  readonly known: number;
  /** By executor, labels and, if the task names one, by id. */
  readonly suitable: number;
  readonly present: number;
  readonly accepting: number;
  readonly free: number;
}

export type Explanation =
  | { readonly phase: 'unknown' }
  | { readonly phase: 'ended'; readonly end: TaskEnd; readonly endedAtMs: number }
  | {
      readonly phase: 'leased';
      readonly agentId: string;
      readonly attempt: number;
      readonly cancelRequested: boolean;
    }
  | {
      readonly phase: 'waiting';
      readonly reason: 'backoff' | 'not_before' | 'agent_removed';
      readonly untilMs: number;
    }
  | {
      readonly phase: 'ready';
      /** What holds it back; null: nothing but its turn. */
      readonly reason: ReasonCode | null;
      readonly effectivePriority: number;
      readonly endsUnstartedAtMs: number | null;
      readonly candidates: Candidates;
    };

/** Why a task is where it is. Looks at all agents of the tenant: for a person's question, not for a pass. */
export function explainTask(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
  taskId: string,
  nowMs: number,
): Explanation {
  const realm = state.realms.get(tenantId);
  const task = taskOf(state, tenantId, taskId);
  if (!realm || !task) {
    const ended = realm?.ended.get(taskId);
    return ended ? { phase: 'ended', end: ended.end, endedAtMs: ended.endedAtMs } : { phase: 'unknown' };
  }
  if (task.lease) {
    const { agentId, attempt } = task.lease;
    return { phase: 'leased', agentId, attempt, cancelRequested: task.cancel !== null };
  }
  if (state.doomed.has(task)) return { phase: 'waiting', reason: 'agent_removed', untilMs: nowMs };
  if (task.readyAtMs > nowMs) {
    const reason = task.attemptsUsed > 0 ? 'backoff' : 'not_before';
    return { phase: 'waiting', reason, untilMs: task.readyAtMs };
  }
  return explainReady(realm, policy, task, nowMs);
}

function explainReady(realm: Realm, policy: TasksPolicy, task: Task, nowMs: number): Explanation {
  const { agent_id, executor, selector } = task.spec;
  const suitable = [...realm.agents.values()].filter(
    (agent) => (agent_id === undefined || agent.id === agent_id) && suits(agent, executor, selector),
  );
  const present = suitable.filter((agent) => agent.standing === 'found' && agent.session);
  const accepting = present.filter((agent) => !agent.draining && !agent.session?.stopping);
  const free = accepting.filter((agent) => freeSlots(agent) > 0);
  const deadline = deadlineMs(task);
  return {
    phase: 'ready',
    reason: held(suitable, present, accepting, free),
    effectivePriority: effectivePriority(task, policy.agingMs, nowMs),
    endsUnstartedAtMs: deadline === Infinity ? null : deadline,
    candidates: {
      known: realm.agents.size,
      suitable: suitable.length,
      present: present.length,
      accepting: accepting.length,
      free: free.length,
    },
  };
}

/** The first question that leaves nobody. */
function held(suitable: Agent[], present: Agent[], accepting: Agent[], free: Agent[]): ReasonCode | null {
  if (suitable.length === 0) return 'no_agent_matches';
  if (present.length === 0) return 'agent_lost';
  if (accepting.length === 0) return 'agent_draining';
  if (free.length === 0) return 'agents_full';
  return null;
}
