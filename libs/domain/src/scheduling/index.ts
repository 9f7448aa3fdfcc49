export { closedGate, gates, type ClosedGate, type GateRule, type Lane } from './gates.js';
export {
  chargeLease,
  chargeMs,
  defaultFairness,
  newFairShare,
  picksBefore,
  settleLease,
  type FairnessPolicy,
  type FairShare,
} from './fair-share.js';
export { wishText } from './free-agents.js';
export { defaultKeeping, type KeepingPolicy } from './keeper.js';
export { roomAtMs } from './nearest-agent.js';
export { laneOf } from './lanes.js';
export { effectivePriority, rankOf } from './ready-tasks.js';
export { type Looks } from './openings.js';
export { TenantQueue, type Choice, type QueueStanding } from './tenant-queue.js';
