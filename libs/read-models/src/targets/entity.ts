import { Entity } from 'typeorm';
import { type Condition } from '../queries/common.js';
import { Key, MaybeOf, Of } from '../rows/columns.js';
import { type Compliance } from './row.js';

@Entity('targets')
export class TargetEntity {
  @Key() tenant_id: string;
  @Key() state_id: string;
  @Key() agent_id: string;
  @Of('text') compliance: Compliance;
  @Of('whole') checked_generation: number;
  @Of('text') reason: string;
  @Of('whole') attempts: number;
  @MaybeOf('text') task_id: string | null;
  @MaybeOf('time') last_drift_at: string | null;
  @MaybeOf('time') last_compliant_at: string | null;
  @MaybeOf('time') retry_at: string | null;
  @MaybeOf('whole') last_exit_code: number | null;
  @MaybeOf('text') last_output: string | null;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('json') conditions: Condition[];
}
