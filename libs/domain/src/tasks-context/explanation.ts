import {
  type BreakerScope,
  type Executor,
  type Labels,
  type ReasonCode,
  type Resources,
  type TaskEnd,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type ModeScope } from './holds.js';

/**
 * What would change the rule that holds a task back. Closed list. Applied, the task is leased in the next pass, or
 * another rule shows. Several are alternatives, the first the one that is meant to be tried first.
 */
export type Remedy =
  | { readonly kind: 'wait-until'; readonly atMs: number }
  | { readonly kind: 'raise-limit'; readonly limit: string; readonly to: number }
  /** These must end, however they do, and then as many `more` as there was no room to name: asked again, they are. */
  | { readonly kind: 'end-tasks'; readonly taskIds: readonly string[]; readonly more: number }
  | {
      readonly kind: 'add-agents';
      readonly count: number;
      readonly slots: number;
      readonly labels: Labels;
      readonly executor: Executor;
      readonly capacity: Resources;
      /** What the tenant's limit of agents has to be raised to before; null: it leaves room for them. */
      readonly maxAgents: number | null;
    }
  | { readonly kind: 'raise-slots'; readonly agentId: string; readonly to: number }
  | {
      readonly kind: 'relabel-agent';
      readonly agentId: string;
      readonly labels: Labels;
      readonly executor: Executor;
    }
  /** Also of one that is stopping: the process that comes after it. */
  | { readonly kind: 'connect-agent'; readonly agentId: string }
  | { readonly kind: 'undrain-agent'; readonly agentId: string }
  /** An operator's word that the silent agents are gone. */
  | { readonly kind: 'release-brake' }
  /** Each of these keeps leases away from the agent that is nearest to taking it. */
  | {
      readonly kind: 'reset-breakers';
      readonly breakers: readonly { readonly scope: BreakerScope; readonly name: string }[];
    }
  /** Of each of these. */
  | { readonly kind: 'set-mode'; readonly mode: 'normal'; readonly scopes: readonly ModeScope[] }
  /** It is next: the pass that runs now will take it. */
  | { readonly kind: 'none-needed' }
  /** Nothing within FluxForge: the task can only be cancelled and submitted otherwise. */
  | { readonly kind: 'submit-otherwise' };

/** One agent, and why the task cannot go there. Null: it could. */
export interface Candidate {
  readonly agentId: string;
  readonly reason: ReasonCode | null;
}

export interface Candidates {
  readonly known: number;
  /** How many agents of the tenant each reason rules out; `turn` for those that fit. */
  readonly byReason: Readonly<Partial<Record<ReasonCode, number>>>;
  /** The closest ones first, `candidatesShown` at most. */
  readonly agents: readonly Candidate[];
}

export const candidatesShown = 50;

/** What of a task's spec decides where and when it may run. */
export type Asks = Pick<TaskSpec, 'agent_id' | 'selector' | 'executor' | 'requests' | 'concurrency'>;

export interface Queued {
  readonly phase: 'queued';
  /** The one rule that holds it back now; `turn`: none but its place in the line. */
  readonly rule: ReasonCode;
  /** When the clock alone lifts it. */
  readonly untilMs: number | null;
  readonly used: number | null;
  readonly limit: number | null;
  readonly limitName: string | null;
  /** Tasks whose end would lift it: who has it, then who comes before this one, then who may. */
  readonly heldBy: readonly string[];
  /** How many of them are not named. */
  readonly heldByMore: number;
  /**
   * Its place among the ready tasks of its tenant, from 1; null while it is not ready. Of one whose key takes turns, the
   * last place that it may have. Of a long queue it is counted over some milliseconds, in which the queue moves on.
   */
  readonly position: number | null;
  readonly effectivePriority: number;
  /** The tenant's share among those that have something queued in the partition. */
  readonly weight: number;
  readonly weights: number;
  readonly endsUnstartedAtMs: number | null;
  readonly asks: Asks;
  readonly candidates: Candidates;
  /** The agent that is kept for it, and when that will have room by the time limits of what runs there; null: nobody knows. */
  readonly kept: { readonly agentId: string; readonly roomAtMs: number | null } | null;
  readonly remedies: readonly Remedy[];
}

export type Explanation =
  | { readonly phase: 'unknown' }
  | {
      readonly phase: 'ended';
      readonly end: TaskEnd;
      readonly reason: ReasonCode;
      readonly endedAtMs: number;
      readonly attemptsUsed: number;
    }
  | {
      readonly phase: 'leased';
      readonly agentId: string;
      readonly attempt: number;
      readonly leasedAtMs: number;
      readonly startedAtMs: number | null;
      readonly cancelRequested: boolean;
      readonly moveRequested: boolean;
    }
  | Queued;

/** How a task has ended, in words. `at` is the time as text. */
export function endedSentence(end: string, reason: string, at: string | null): string {
  return `It ended at ${at}: ${end} (${reason}).`;
}
