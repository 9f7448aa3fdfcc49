import { type Executor, type Resources, type Selector } from '@fluxforge/events/catalogue';
import { type Condition, type PageRequest, type Resource } from '../queries/common.js';

/** enrolled -> found <-> lost; any of them -> removed. */
export const agentPhases = ['enrolled', 'found', 'lost', 'removed'] as const;
export type AgentPhase = (typeof agentPhases)[number];

/** Telemetry: as of the last heartbeat that was published, at most a minute old while all is well. */
export interface AgentLoad {
  readonly seen_at: string;
  readonly cpu_percent: number;
  readonly ram_used_bytes: number;
  readonly ram_total_bytes: number;
  readonly slots: number;
  readonly free_slots: number;
}

export interface AgentStatus {
  readonly phase: AgentPhase;
  readonly draining: boolean;
  /** From then on what still runs there is moved; null: it finishes, however long that takes. */
  readonly drain_deadline: string | null;
  readonly reason: string;
  /** Since when it is in this phase. */
  readonly since: string;
  readonly load: AgentLoad | null;
  /** `connected`, `draining`. */
  readonly conditions: readonly Condition[];
}

export interface AgentRow extends Resource {
  readonly slots: number;
  readonly executors: readonly Executor[];
  readonly agent_version: string;
  /** What placement reckons with; null, and each resource left out: as much as is asked for. */
  readonly capacity: Resources | null;
  readonly status: AgentStatus;
}

/** Removed agents are listed only when asked for by phase. */
export interface AgentFilter extends PageRequest {
  readonly phase?: AgentPhase;
  readonly labels?: Selector;
}
