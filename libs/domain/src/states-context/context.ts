import {
  type ContextInput,
  type Decided,
  type Fact,
  type JournalEventBody,
  type PartitionContext,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import {
  decideCommand,
  deserializeStates,
  evolveFleet,
  evolveStates,
  newStatesState,
  pruneEnds,
  serializeStates,
  type CommandPolicy,
  type StatesState,
} from '@fluxforge/domain/desired-state';
import {
  askAnew,
  decideResult,
  defaultReconcilingPolicy,
  observeResult,
  planStep,
  requestDueChecks,
  type ReconcilerMessage,
  type ReconcilingPolicy,
  type RequestChecks,
} from '@fluxforge/domain/reconciling';
import { defaultMaxDeclaredBytes } from '@fluxforge/domain/tenant';
import { markEverything } from './takeover.js';

export type StatesPolicy = CommandPolicy & ReconcilingPolicy;
export type StatesEffect = RequestChecks;

export const defaultStatesPolicy: StatesPolicy = {
  ...defaultReconcilingPolicy,
  defaultMaxStates: 1000,
  defaultMaxDeclaredBytes,
};

type Own = StatesEventBody | JournalEventBody;

/** The rules of the states context as the partition host runs them, and its state's way to a snapshot. */
export interface StatesContext extends PartitionContext<
  StatesState,
  ReconcilerMessage,
  StatesEffect,
  Own,
  TasksEventBody
> {
  serialize(state: StatesState): string;
  /** Null: of another shape, which is to be ignored. */
  deserialize(text: string): StatesState | null;
}

export function makeStatesContext(policy: StatesPolicy = defaultStatesPolicy): StatesContext {
  return {
    name: 'states',
    initial: newStatesState,
    evolve: evolveStates,
    evolveForeign: evolveFleet,
    observe: (state, message, nowMs) => observeResult(state, message, nowMs, policy),
    decide: (state, input, nowMs) => decide(state, input, nowMs, policy),
    plan: (state, nowMs, room) => planStep(state, nowMs, room, policy),
    wakeAtMs,
    effects: () => [],
    pulse: (state, nowMs) => requestDueChecks(state, nowMs, policy),
    foreignClaimed: (state, nowMs) => askAnew(state, nowMs, policy),
    resume: (state) => {
      markEverything(state);
      return [];
    },
    serialize: (state) => JSON.stringify(serializeStates(state)),
    deserialize,
  };
}

function deserialize(text: string): StatesState | null {
  try {
    return deserializeStates(JSON.parse(text));
  } catch (error: unknown) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function decide(
  state: StatesState,
  input: ContextInput<ReconcilerMessage, TasksEventBody>,
  nowMs: number,
  policy: StatesPolicy,
): Decided<Own>[] {
  switch (input.kind) {
    case 'command':
      return decideCommand(state, input.command, nowMs, policy);
    case 'message':
      return decideResult(state, input.message, nowMs, policy);
    case 'foreign':
      dropUnawaitedEnd(state, input.fact);
      return [];
  }
}

/** Foreign events decide nothing: they change what the plan sees. An end that nobody awaits is not kept. */
function dropUnawaitedEnd(state: StatesState, fact: Fact<TasksEventBody>): void {
  if (fact.type !== 'task.ended' && fact.type !== 'task.rejected') return;
  const tenant = state.tenants.get(fact.tenantId);
  if (tenant && fact.data.origin) pruneEnds(tenant, fact.data.origin.agent_id);
}

/** Zero, at once, when something waits that only lacked room. */
function wakeAtMs({ work }: StatesState): number | null {
  if (work.targets.size + work.states.size + work.roomy.size > 0) return 0;
  if (work.reselectStates.size + work.reselectTenants.size > 0) return 0;
  const atMs = Math.min(work.due.peekRank(), work.answers.peekRank(), work.timers.peekRank());
  return atMs === Infinity ? null : atMs;
}
