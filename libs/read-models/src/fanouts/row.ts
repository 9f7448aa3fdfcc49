import { type FanoutMemberEnd, type FanoutSpec, type TaskEnd } from '@fluxforge/events/catalogue';
import { type PageRequest } from '../queries/common.js';
import { type TaskPhase } from '../tasks/row.js';

/** running -> (cancelling ->) ended; or rejected, and that is all of it. */
export const fanoutPhases = ['running', 'cancelling', 'ended', 'rejected'] as const;
export type FanoutPhase = (typeof fanoutPhases)[number];

export interface MemberEnd {
  readonly agent_id: string;
  readonly end: FanoutMemberEnd;
}

export interface FanoutRow {
  readonly id: string;
  readonly resource_version: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly spec: FanoutSpec | null;
  readonly retry_of: string | null;
  readonly status: {
    readonly phase: FanoutPhase;
    readonly reason: string;
    readonly message: string;
    readonly members: number;
    /** Null: it was rejected, or it runs and has started before the views counted. */
    readonly queued: number | null;
    /** Leased to an agent, or running there. */
    readonly running: number | null;
    readonly succeeded: number | null;
    readonly failed: number | null;
    readonly not_started: number | null;
    readonly unknown: number | null;
    readonly ended_at: string | null;
  };
}

export interface FanoutFilter extends PageRequest {
  readonly phase?: FanoutPhase;
}

export interface FanoutMemberRow {
  readonly agent_id: string;
  readonly task_id: string;
  /** Of its task; null: it has none (yet). */
  readonly phase: TaskPhase | null;
  readonly task_end: TaskEnd | null;
  /** How it counts for the fan-out; null while that is open. */
  readonly end: FanoutMemberEnd | null;
}
