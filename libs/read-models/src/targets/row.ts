import { type Condition, type PageRequest } from '../queries/common.js';

export const compliances = ['unknown', 'compliant', 'drifted', 'remediating', 'given_up'] as const;
export type Compliance = (typeof compliances)[number];

/** One state on one agent. */
export interface TargetRow {
  readonly state_id: string;
  readonly agent_id: string;
  readonly compliance: Compliance;
  /** The state's generation. */
  readonly generation: number;
  /** The generation that the last finding is about; 0 before the first. */
  readonly checked_generation: number;
  /** Reason code of the last change, or empty. */
  readonly reason: string;
  /** Runs of `apply_cmd` since the drift was detected. */
  readonly attempts: number;
  /** The remediation's task, while there is one, and after it the last one. */
  readonly task_id: string | null;
  readonly last_drift_at: string | null;
  readonly last_compliant_at: string | null;
  readonly retry_at: string | null;
  readonly last_exit_code: number | null;
  readonly last_output: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** `compliant`, `remediating`, `given_up`. */
  readonly conditions: readonly Condition[];
}

export interface TargetFilter extends PageRequest {
  readonly compliance?: Compliance;
  readonly agent_id?: string;
}
