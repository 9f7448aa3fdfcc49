import { Entity } from 'typeorm';
import { Key, Of } from '../rows/columns.js';

/**
 * How far a fan-out is that has not ended: its members by where their tasks are. Apart from its row, which carries
 * thousands of members and would be written anew with each of their steps.
 */
@Entity('fanout_progress')
export class FanoutProgressEntity {
  @Key() tenant_id: string;
  @Key() fanout_id: string;
  @Of('whole') queued: number;
  /** Leased, or running. */
  @Of('whole') running: number;
  @Of('whole') succeeded: number;
  @Of('whole') failed: number;
  @Of('whole') not_started: number;
  @Of('whole') unknown: number;
}
