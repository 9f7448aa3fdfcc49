import {
  type AttemptOutcome,
  type Origin,
  type OutputSummary,
  type TaskEnd,
  type TaskKind,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';
import { type AttemptRow, type TaskPhase } from './row.js';

@Entity('tasks')
export class TaskEntity {
  @Key() tenant_id: string;
  @Key() id: string;
  @Of('text') name: string;
  @Of('json') labels: Record<string, string>;
  /** The life of the id. */
  @Of('whole') generation: number;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('text') kind: TaskKind;
  @MaybeOf('json') spec: TaskSpec | null;
  @MaybeOf('json') origin: Origin | null;
  /** Of the origin, for the list of a state's remediations. */
  @MaybeOf('text') state_id: string | null;
  /** Of the batch that it is one of: a firing of a schedule, or a member of a fan-out. */
  @MaybeOf('text') schedule_id: string | null;
  @MaybeOf('text') fanout_id: string | null;
  @Of('text') phase: TaskPhase;
  @MaybeOf('text') end: TaskEnd | null;
  @Of('text') reason: string;
  @Of('text') message: string;
  @Of('whole') attempt: number;
  @Of('whole') attempts_used: number;
  @MaybeOf('text') agent_id: string | null;
  @Of('flag') cancel_requested: boolean;
  @MaybeOf('text') outcome: AttemptOutcome | null;
  @MaybeOf('whole') exit_code: number | null;
  @MaybeOf('text') signal: string | null;
  @MaybeOf('time') leased_at: string | null;
  @MaybeOf('time') started_at: string | null;
  @MaybeOf('time') ended_at: string | null;
  @MaybeOf('time') retry_at: string | null;
  @MaybeOf('whole') duration_ms: number | null;
  @MaybeOf('json') output: OutputSummary | null;
}

@Entity('attempts')
export class AttemptEntity {
  @Key() tenant_id: string;
  @Key() task_id: string;
  @Key('whole') life: number;
  @Key('whole') attempt: number;
  @Of('text') agent_id: string;
  @Of('text') phase: AttemptRow['phase'];
  @MaybeOf('text') outcome: AttemptOutcome | null;
  @Of('text') reason: string;
  @Of('text') message: string;
  @MaybeOf('whole') exit_code: number | null;
  @MaybeOf('text') signal: string | null;
  @Of('time') leased_at: string;
  @MaybeOf('time') started_at: string | null;
  @MaybeOf('time') ended_at: string | null;
  @MaybeOf('whole') duration_ms: number | null;
  @MaybeOf('json') output: OutputSummary | null;
  @Of('json') decision: AttemptRow['decision'];
}
