export { defaultReconcilingPolicy, type ReconcilingPolicy } from './policy.js';
export { buckets, place, planReasons, type Bucket, type Placement, type PlanReason } from './placement.js';
export { freePlaces, maxGivenUp, maxOccupied, spentBudget } from './budgets.js';
export { askAnew } from './check-schedule.js';
export { planStep } from './plan.js';
export { requestDueChecks, type RequestChecks } from './check-requests.js';
export {
  decideResult,
  observeResult,
  verdictOf,
  type ReconcilerMessage,
  type Verdict,
} from './check-results.js';
export { remediationTaskId } from './remediation.js';
export {
  dueStats,
  explainTarget,
  planOf,
  type CheckStanding,
  type DueStats,
  type Explanation,
  type Placed,
  type Plan,
} from './explain.js';
export { agentsNamed, type StateChange, type TargetRemedy } from './remedies.js';
