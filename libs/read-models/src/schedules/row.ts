import { type ScheduleSpec } from '@fluxforge/events/catalogue';
import { type PageRequest } from '../queries/common.js';

export interface ScheduleRow {
  readonly id: string;
  readonly name: string;
  readonly generation: number;
  readonly resource_version: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly spec: ScheduleSpec;
  readonly status: {
    readonly suspended: boolean;
    readonly next_at: string | null;
    readonly last_due_at: string | null;
    readonly last_task_id: string | null;
    readonly last_skipped: string | null;
    /** Firings that became tasks, that did not (overlap), and due times that nobody was there to fire. */
    readonly fired: number;
    readonly skipped: number;
    readonly missed: number;
  };
}

export interface ScheduleFilter extends PageRequest {
  readonly name?: string;
}
