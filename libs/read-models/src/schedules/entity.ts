import { type ScheduleSpec } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';

@Entity('schedules')
export class ScheduleEntity {
  @Key() tenant_id: string;
  @Key() id: string;
  @Of('text') name: string;
  @Of('whole') generation: number;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('json') spec: ScheduleSpec;
  @Of('flag') suspended: boolean;
  /** When it fires next, jitter included; null: suspended, or there is no further time. */
  @MaybeOf('time') next_at: string | null;
  @MaybeOf('time') last_due_at: string | null;
  @MaybeOf('text') last_task_id: string | null;
  /** Reason code of the last firing that became no task; null when the last one did. */
  @MaybeOf('text') last_skipped: string | null;
  @Of('whole') fired: number;
  @Of('whole') skipped: number;
  @Of('whole') missed: number;
}
