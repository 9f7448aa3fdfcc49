export {
  type AgentTargets,
  type AgentView,
  type DesiredState,
  type Finding,
  type Remediation,
  type Stage,
  type StatesState,
  type Target,
  type TaskResult,
  type Tenant,
  type Work,
} from './model.js';
export { findState, findTarget, newStatesState, tenantOf } from './desired-state.js';
export {
  driftConfirmed,
  foundAgainWithinMs,
  newTargetWithinMs,
  occupies,
  roundOf,
  roundsPerEpoch,
} from './target.js';
export { evolveFleet, pruneEnds } from './fleet.js';
export { evolveStates, raisesVersion } from './evolve.js';
export { decideCommand, type CommandPolicy, type OwnBody } from './commands.js';
export { deserializeStates, serializeStates, snapshotShape, type StatesSnapshot } from './snapshot.js';
export { markAgent, markTarget, releaseAsk, unscheduleCheck, wantSoon } from './work.js';
