import { type Executor, type Resources } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';
import { type AgentPhase } from './row.js';

@Entity('agents')
export class AgentEntity {
  @Key() tenant_id: string;
  @Key() id: string;
  @Of('text') name: string;
  @Of('json') labels: Record<string, string>;
  @Of('whole') generation: number;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('whole') slots: number;
  @Of('json') executors: Executor[];
  @Of('text') agent_version: string;
  @MaybeOf('json') capacity: Resources | null;
  @Of('text') phase: AgentPhase;
  @Of('text') reason: string;
  /** Of the phase. */
  @Of('time') since: string;
  @Of('flag') draining: boolean;
  @MaybeOf('time') drain_set_at: string | null;
  @MaybeOf('time') drain_deadline: string | null;
}
