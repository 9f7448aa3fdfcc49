import { type StateSpec } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { type Condition } from '../queries/common.js';
import { Key, Of } from '../rows/columns.js';

@Entity('states')
export class StateEntity {
  @Key() tenant_id: string;
  @Key() id: string;
  @Of('text') name: string;
  @Of('json') labels: Record<string, string>;
  @Of('whole') generation: number;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('json') spec: StateSpec;
  @Of('flag') suspended: boolean;
  @Of('whole') observed_generation: number;
  @Of('whole') targets_unknown: number;
  @Of('whole') targets_compliant: number;
  @Of('whole') targets_drifted: number;
  @Of('whole') targets_remediating: number;
  @Of('whole') targets_given_up: number;
  /** Targets whose last finding is about the current generation. */
  @Of('whole') targets_current: number;
  @Of('json') conditions: Condition[];
}
