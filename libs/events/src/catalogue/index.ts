export {
  type Labels,
  type CommandLine,
  type SelectorTerm,
  type Selector,
  type Budget,
  type Backoff,
  type OutputSummary,
} from './primitives.js';
export {
  taskEnds,
  type TaskEnd,
  attemptOutcomes,
  type AttemptOutcome,
  checkOutcomes,
  type CheckOutcome,
  executors,
  type Executor,
  taskKinds,
  type TaskKind,
  stateModes,
  type StateMode,
  reasonCodes,
  type ReasonCode,
  refusalCodes,
  type RefusalCode,
  roles,
  type Role,
} from './closed-lists.js';
export { tasksCommands, TaskSpec as TaskSpecSchema, Limits as LimitsSchema } from './tasks-commands.js';
export { statesCommands, StateSpec as StateSpecSchema } from './states-commands.js';
export { tasksEvents } from './tasks-events.js';
export { statesEvents } from './states-events.js';
export { journalEvents, PositionShape } from './journal-events.js';
export { CheckRequest, CheckResult, AgentReport, OutputChunk } from './telemetry.js';
export { DirectoryEntry, directoryKey } from './directory.js';
export {
  type TaskSpec,
  type StateSpec,
  type Limits,
  type Origin,
  type TasksEventBody,
  type StatesEventBody,
  type JournalEventBody,
  type TasksCommandBody,
  type StatesCommandBody,
  type EventBody,
  type CommandBody,
  type EventType,
  type CommandType,
  type EventData,
  type CommandData,
  type ContextName,
  type Provenance,
  type Decided,
  type Fact,
  type Command,
} from './types.js';
export { type PartitionContext, type ContextInput } from './context.js';
