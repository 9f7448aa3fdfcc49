export { makeTasksContext, tasksContext, type TasksContext } from './context.js';
export { type TasksEffect } from './effects.js';
export { type Candidates, type Explanation } from './explain.js';
export { defaultTasksPolicy, type TasksPolicy } from './policy.js';
export { agentCredential, leaseView, queueDepths, type LeaseView, type QueueDepth } from './queries.js';
export { tasksSnapshotShape } from './snapshot.js';
export { type TasksState } from './state.js';
