import { type FanoutSpec } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';
import { type FanoutPhase, type MemberEnd } from './row.js';

@Entity('fanouts')
export class FanoutEntity {
  @Key() tenant_id: string;
  @Key() id: string;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  /** Null: it was rejected, and its event does not repeat it. */
  @MaybeOf('json') spec: FanoutSpec | null;
  @MaybeOf('text') retry_of: string | null;
  @Of('text') phase: FanoutPhase;
  @Of('text') reason: string;
  @Of('text') message: string;
  @Of('whole') size: number;
  /** Ids of the agents, frozen when it started, each at the place that names its task. */
  @Of('json') members: string[];
  /** Once it has ended; before that see `fanout_progress`. */
  @MaybeOf('json') counts: MemberCounts | null;
  /** Once it has ended: whoever did not succeed. */
  @Of('json') unsuccessful: MemberEnd[];
  @MaybeOf('time') ended_at: string | null;
}

export interface MemberCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly not_started: number;
  readonly unknown: number;
}
