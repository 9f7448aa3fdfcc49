export {
  breakerRoom,
  cooldownMs,
  countedFailures,
  defaultBreakers,
  leaseName,
  newBreaker,
  verdictOf,
  type Breaker,
  type BreakerPolicies,
  type BreakerPolicy,
  type BreakerRoom,
  type RunEnd,
} from './breaker.js';
export { BreakerBook, type RunOver } from './book.js';
export { decideReset, type ResetCommand } from './decide-reset.js';
export {
  breakerDueMs,
  breakerStep,
  closeBreaker,
  halfOpenBreaker,
  openBreaker,
  recordEnd,
  startProbe,
} from './step.js';
