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
export { type ReadModels, type WriteToken, type OutputPage } from './queries/read-models.js';
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
export { type TenantRow, type ApiKeyRow } from './tenants/row.js';
export { type CommandRow } from './commands/row.js';
export { type EventRow, type EntityRef, type EventFilter } from './events/row.js';
export { type OutputRow, type OutputRequest } from './output/row.js';
