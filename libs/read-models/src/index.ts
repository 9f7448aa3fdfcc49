export {
  type Resource,
  type Condition,
  type ConditionStatus,
  type PageRequest,
  type Page,
  defaultPageSize,
  maxPageSize,
  ReadModelsUnavailable,
  BadCursor,
} from './queries/common.js';
export {
  type ReadModels,
  type WriteToken,
  type OutputPage,
  type MissingOutput,
} from './queries/read-models.js';
export { type StateRow, type StateStatus, type StateFilter, type TargetCounts } from './states/row.js';
export { compliances, type Compliance, type TargetRow, type TargetFilter } from './targets/row.js';
export {
  taskPhases,
  type TaskPhase,
  type TaskRow,
  type TaskStatus,
  type TaskFilter,
  type AttemptRow,
} from './tasks/row.js';
export {
  agentPhases,
  type AgentPhase,
  type AgentRow,
  type AgentStatus,
  type AgentLoad,
  type AgentFilter,
} from './agents/row.js';
export { type ScheduleRow, type ScheduleFilter } from './schedules/row.js';
export {
  fanoutPhases,
  type FanoutPhase,
  type FanoutRow,
  type FanoutFilter,
  type FanoutMemberRow,
} from './fanouts/row.js';
export { type TenantRow, type ApiKeyRow } from './tenants/row.js';
export { type CommandRow } from './commands/row.js';
export { type EventRow, type EntityRef, type EventFilter } from './events/row.js';
export { type OutputRow, type OutputRequest } from './output/row.js';
export { migrate, type MigrateOptions } from './migrations/migrate.js';
export {
  ProjectionStore,
  type ProjectionStoreOptions,
  type CommitOutcome,
} from './projection/projection-store.js';
export { StoreUnavailable, RowsRefused } from './rows/pg-errors.js';
export { type ProjectedEvent, projectedEventOf } from './projection/projected-event.js';
export { projectEvents } from './projection/project-events.js';
export { foldedTables } from './projection/view-rows.js';
export { decodeOutput, projectOutput } from './output/project-output.js';
export { decodeLoad, projectLoad } from './last-seen/project-load.js';
export {
  type ProjectionKey,
  type Standing,
  atStart,
  viewsProjection,
  outputProjection,
  lastSeenProjection,
} from './positions/standing.js';
export { type SqlRunner } from './rows/table.js';
export { openReadModels, type ReadModelsOptions } from './queries/open.js';
export { Rebuild, rebuildSchema, type LiveHold } from './rebuild/rebuild.js';
