import { Entity } from 'typeorm';
import { Key, Of } from '../rows/columns.js';

/** Telemetry: what agents last said of their load. Stands outside the equality with the log. */
@Entity('agent_load')
export class AgentLoadEntity {
  @Key() tenant_id: string;
  @Key() agent_id: string;
  /** Append time of the report. */
  @Of('time') seen_at: string;
  @Of('real') cpu_percent: number;
  @Of('whole') ram_used_bytes: number;
  @Of('whole') ram_total_bytes: number;
  @Of('whole') slots: number;
  @Of('whole') free_slots: number;
}
