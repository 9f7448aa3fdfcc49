import {
  type Fact,
  type JournalEventBody,
  type PartitionContext,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { atOnce } from '@fluxforge/domain/kernel';
import { decide } from './decide.js';
import { type TasksEffect } from './effects.js';
import { evolve } from './evolve.js';
import { explain } from './explain.js';
import { type Explanation } from './explanation.js';
import { observe, type TasksMessage } from './observe.js';
import { effects, pulse, resume } from './outgoing.js';
import { plan, wakeAtMs } from './plan.js';
import { defaultTasksPolicy, type TasksPolicy } from './policy.js';
import { deserialize, serialize } from './snapshot.js';
import { initialState, type TasksState } from './state.js';

export interface TasksContext extends PartitionContext<
  TasksState,
  TasksMessage,
  TasksEffect,
  TasksEventBody | JournalEventBody,
  StatesEventBody
> {
  readonly policy: TasksPolicy;
  serialize(state: TasksState): string;
  /** Null: a snapshot of another shape, which is to be ignored. */
  deserialize(text: string): TasksState | null;
  /** In steps, between which the state may move on. */
  explain(state: TasksState, tenantId: string, taskId: string, nowMs: number): Generator<void, Explanation>;
  /** The same in one piece. */
  explainTask(state: TasksState, tenantId: string, taskId: string, nowMs: number): Explanation;
}

export function makeTasksContext(policy: TasksPolicy): TasksContext {
  return {
    name: 'tasks',
    policy,
    initial: (partition) => initialState(partition),
    evolve: (state, fact) => evolve(state, policy, fact),
    // What the other context asks for becomes tasks of this one: its own facts hold all that is to be known.
    evolveForeign: (_state: TasksState, _fact: Fact<StatesEventBody>) => undefined,
    observe: (state, message, nowMs) => observe(state, policy, message, nowMs),
    decide: (state, input, nowMs) => decide(state, policy, input, nowMs),
    plan: (state, nowMs, room) => plan(state, policy, nowMs, room),
    wakeAtMs,
    effects: (state, fact) => effects(state, policy, fact),
    pulse: (state, nowMs) => pulse(state, policy, nowMs),
    resume: (state, nowMs) => resume(state, nowMs),
    serialize,
    deserialize: (text) => deserialize(text, policy),
    explain: (state, tenantId, taskId, nowMs) => explain(state, policy, tenantId, taskId, nowMs),
    explainTask: (state, tenantId, taskId, nowMs) => atOnce(explain(state, policy, tenantId, taskId, nowMs)),
  };
}

export const tasksContext = makeTasksContext(defaultTasksPolicy);
