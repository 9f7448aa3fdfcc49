export { presumeOwner, type Assumption } from './as-of.js';
export { makeTasksContext, tasksContext, type TasksContext } from './context.js';
export { type TasksEffect } from './effects.js';
export {
  type Candidate,
  type Candidates,
  endedSentence,
  type Explanation,
  type Queued,
  type Remedy,
} from './explanation.js';
export { defaultTasksPolicy, type TasksPolicy } from './policy.js';
export {
  agentCredential,
  leaseView,
  lookedAtInStep,
  oldestReadyIn,
  quarantinesOf,
  type Quarantines,
  queueDepthOf,
  queueDepths,
  queueIn,
  type LeaseView,
  type QueueDepth,
  type QueueView,
} from './queries.js';
export { type TasksMessage } from './observe.js';
export { cloneRealm, copyRealm } from './copy.js';
export { tasksSnapshotShape } from './snapshot.js';
export { type TasksState } from './state.js';
export { simulate, simulationBounds, type Changes, type Simulated, type SimulationEnd } from './simulate.js';
