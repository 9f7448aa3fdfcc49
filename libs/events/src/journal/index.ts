export {
  type Position,
  type EpochTerm,
  startOfLog,
  formatPosition,
  parsePosition,
  formatTerm,
  parseTerm,
  higherTerm,
  samePosition,
} from './position.js';
export { claimRecord, type Claimant } from './claim.js';
export { recordHash } from './chain.js';
export { JournalReader, type Verdict } from './readers-rule.js';
export { type Covered, type Pending, sealBatch, sameRecord } from './batch.js';
export { newOwnerId } from './owner-id.js';
export { type JournalRequest } from './requests.js';
export { JournalOwner, type OwnerListener, type OwnerSettings } from './owner.js';
