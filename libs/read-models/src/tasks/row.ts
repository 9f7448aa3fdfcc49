import {
  type AttemptOutcome,
  type Origin,
  type OutputSummary,
  type Selector,
  type TaskEnd,
  type TaskKind,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type Condition, type PageRequest, type Resource } from '../queries/common.js';

/**
 * queued -> leased -> running -> ended, and from leased or running back to queued (with `retry_at`)
 * when an attempt ended without ending the task.
 */
export const taskPhases = ['queued', 'leased', 'running', 'ended'] as const;
export type TaskPhase = (typeof taskPhases)[number];

export interface TaskStatus {
  readonly phase: TaskPhase;
  /** How it ended; null before. */
  readonly end: TaskEnd | null;
  /** Reason code of the last change, or empty. */
  readonly reason: string;
  readonly message: string;
  /** The attempt that runs now or ran last; 0 before the first. */
  readonly attempt: number;
  readonly attempts_used: number;
  /** Where it runs now or ran last. */
  readonly agent_id: string | null;
  readonly cancel_requested: boolean;
  readonly outcome: AttemptOutcome | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly queued_at: string;
  readonly leased_at: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly retry_at: string | null;
  readonly duration_ms: number | null;
  readonly output: OutputSummary | null;
  /** `ended`, `succeeded`. */
  readonly conditions: readonly Condition[];
}

/** A task that was rejected at admission has nothing declared: its event does not repeat the spec. */
export interface TaskRow extends Resource, Readonly<Partial<Omit<TaskSpec, 'name' | 'labels'>>> {
  readonly kind: TaskKind;
  readonly origin: Origin | null;
  /** Whose firing it is. */
  readonly schedule_id: string | null;
  /** Whose member it is. */
  readonly fanout_id: string | null;
  readonly status: TaskStatus;
}

export interface TaskFilter extends PageRequest {
  readonly phase?: TaskPhase;
  readonly end?: TaskEnd;
  readonly kind?: TaskKind;
  readonly agent_id?: string;
  /** Remediations of this state. */
  readonly state_id?: string;
  readonly schedule_id?: string;
  readonly fanout_id?: string;
  readonly labels?: Selector;
}

export interface AttemptRow {
  readonly task_id: string;
  readonly life: number;
  readonly attempt: number;
  readonly agent_id: string;
  readonly phase: 'leased' | 'running' | 'ended';
  readonly outcome: AttemptOutcome | null;
  readonly reason: string;
  readonly message: string;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly leased_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly duration_ms: number | null;
  readonly output: OutputSummary | null;
  /** Why then and why there. */
  readonly decision: {
    readonly waited_ms: number;
    readonly effective_priority: number;
    readonly candidates: number;
  };
}
