import { AgentEntity } from '../agents/entity.js';
import { CommandEntity } from '../commands/entity.js';
import { EventEntity } from '../events/entity.js';
import { type ProjectedEvent } from './projected-event.js';
import { Table, type SqlRunner } from '../rows/table.js';
import { WorkingSet } from '../rows/working-set.js';
import { FanoutEntity } from '../fanouts/entity.js';
import { FanoutProgressEntity } from '../fanouts/progress-entity.js';
import { ScheduleEntity } from '../schedules/entity.js';
import { StateEntity } from '../states/entity.js';
import { TargetEntity } from '../targets/entity.js';
import { AttemptEntity, TaskEntity } from '../tasks/entity.js';
import { ApiKeyEntity, TenantEntity } from '../tenants/entity.js';

const tables = {
  tenants: new Table(TenantEntity),
  apiKeys: new Table(ApiKeyEntity),
  agents: new Table(AgentEntity),
  tasks: new Table(TaskEntity),
  attempts: new Table(AttemptEntity),
  states: new Table(StateEntity),
  targets: new Table(TargetEntity),
  schedules: new Table(ScheduleEntity),
  fanouts: new Table(FanoutEntity),
  fanoutProgress: new Table(FanoutProgressEntity),
  // The first answer to a command is the answer: a resent command changes nothing.
  commands: new Table(CommandEntity, 'ignore'),
  events: new Table(EventEntity),
};

/** The tables that are folds of the log, and nothing else: what a rebuild must make again, row for row. */
export const foldedTables: readonly string[] = Object.values(tables).map((table) => table.name);

/** What one batch of events works on, over all views. */
export class ViewRows {
  readonly tenants = new WorkingSet(tables.tenants);
  readonly apiKeys = new WorkingSet(tables.apiKeys);
  readonly agents = new WorkingSet(tables.agents);
  readonly tasks = new WorkingSet(tables.tasks);
  readonly attempts = new WorkingSet(tables.attempts);
  readonly states = new WorkingSet(tables.states);
  readonly targets = new WorkingSet(tables.targets);
  readonly schedules = new WorkingSet(tables.schedules);
  readonly fanouts = new WorkingSet(tables.fanouts);
  readonly fanoutProgress = new WorkingSet(tables.fanoutProgress);
  readonly commands = new WorkingSet(tables.commands);
  readonly events = new WorkingSet(tables.events);

  async load(sql: SqlRunner): Promise<void> {
    for (const set of this.sets()) await set.load(sql);
  }

  async flush(sql: SqlRunner): Promise<void> {
    for (const set of this.sets()) await set.flush(sql);
  }

  private sets(): { load(sql: SqlRunner): Promise<void>; flush(sql: SqlRunner): Promise<void> }[] {
    return [
      this.tenants,
      this.apiKeys,
      this.agents,
      this.tasks,
      this.attempts,
      this.states,
      this.targets,
      this.schedules,
      this.fanouts,
      this.fanoutProgress,
      this.commands,
      this.events,
    ];
  }
}

/** One view's part in the fold. All functions are pure in the rows: no clock, no database. */
export interface View {
  /** Names every row that `fold` may ask for. */
  want(event: ProjectedEvent, rows: ViewRows): void;
  /** Names those that only the rows that were wanted tell of. */
  wantRelated?(rows: ViewRows): void;
  /** Takes the event in; ignores what does not fit. */
  fold(event: ProjectedEvent, rows: ViewRows): void;
}
