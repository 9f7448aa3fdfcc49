import { type ContextName } from '@fluxforge/events/catalogue';
import { type AgentFilter, type AgentRow } from '../agents/row.js';
import { type CommandRow } from '../commands/row.js';
import { type EntityRef, type EventFilter, type EventRow } from '../events/row.js';
import { type FanoutFilter, type FanoutMemberRow, type FanoutRow } from '../fanouts/row.js';
import { type OutputRequest, type OutputRow } from '../output/row.js';
import { type ScheduleFilter, type ScheduleRow } from '../schedules/row.js';
import { type StateFilter, type StateRow } from '../states/row.js';
import { type TargetFilter, type TargetRow } from '../targets/row.js';
import { type AttemptRow, type TaskFilter, type TaskRow } from '../tasks/row.js';
import { type TenantRow } from '../tenants/row.js';
import { type Page, type PageRequest } from './common.js';

/** Token of a write: where its command lies in its commands topic. */
export interface WriteToken {
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
}

export interface OutputPage extends Page<OutputRow> {
  /** Where a follower goes on, also when `items` is empty: unlike `next_cursor` it is there at the end too. */
  readonly resume_cursor: string | null;
  /**
   * On the last page of a run that has ended: what it printed, by its result, and what has not come. It may be on
   * its way, or lost with its agent; output that is no longer kept counts as well. Null: nothing is known to be missing.
   */
  readonly missing: MissingOutput | null;
}

export interface MissingOutput {
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}

/**
 * The questions that the views answer. Every one names its tenant and sees nothing of another's. All
 * reject with `ReadModelsUnavailable` when Postgres does not answer in time; lists reject with
 * `BadCursor` for a cursor that is not theirs.
 */
export interface ReadModels {
  readonly states: {
    get(tenantId: string, stateId: string): Promise<StateRow | null>;
    list(tenantId: string, filter?: StateFilter): Promise<Page<StateRow>>;
    targets(tenantId: string, stateId: string, filter?: TargetFilter): Promise<Page<TargetRow>>;
  };
  readonly tasks: {
    get(tenantId: string, taskId: string): Promise<TaskRow | null>;
    /** Newest first. */
    list(tenantId: string, filter?: TaskFilter): Promise<Page<TaskRow>>;
    /** Of the task's current life, or of the one named. */
    attempts(tenantId: string, taskId: string, life?: number): Promise<readonly AttemptRow[]>;
  };
  readonly agents: {
    get(tenantId: string, agentId: string): Promise<AgentRow | null>;
    list(tenantId: string, filter?: AgentFilter): Promise<Page<AgentRow>>;
  };
  readonly schedules: {
    get(tenantId: string, scheduleId: string): Promise<ScheduleRow | null>;
    list(tenantId: string, filter?: ScheduleFilter): Promise<Page<ScheduleRow>>;
  };
  readonly fanouts: {
    get(tenantId: string, fanoutId: string): Promise<FanoutRow | null>;
    /** Newest first. */
    list(tenantId: string, filter?: FanoutFilter): Promise<Page<FanoutRow>>;
    /** In their places; `taskIdOf` names the task of a place. Null: there is no such fan-out. */
    members(
      tenantId: string,
      fanoutId: string,
      taskIdOf: (place: number) => string,
      request?: PageRequest,
    ): Promise<Page<FanoutMemberRow> | null>;
  };
  readonly commands: {
    get(tenantId: string, commandId: string): Promise<CommandRow | null>;
  };
  readonly events: {
    ofEntity(tenantId: string, entity: EntityRef, filter?: EventFilter): Promise<Page<EventRow>>;
    list(tenantId: string, filter?: EventFilter): Promise<Page<EventRow>>;
  };
  readonly output: {
    read(tenantId: string, taskId: string, request?: OutputRequest): Promise<OutputPage>;
  };
  readonly tenants: {
    get(tenantId: string): Promise<TenantRow | null>;
  };
  /** The offset of the first command that the views do not cover yet; 0 before the first event. */
  covered(context: ContextName, partition: number): Promise<number>;
  /** True as soon as the views show what became of the command, false when the deadline passed first. */
  waitCovered(token: WriteToken, deadlineMs: number): Promise<boolean>;
  /** Whether Postgres answers now; never rejects. */
  available(): Promise<boolean>;
  close(): Promise<void>;
}
