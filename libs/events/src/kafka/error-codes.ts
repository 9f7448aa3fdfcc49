import { type AppendFailure, type ReadFailure } from '../log/index.js';

/** The broker's error codes that mean something to us; all others are answered by the safest class. */
export const ErrorCode = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeaderOrFollower: 6,
  messageTooLarge: 10,
  coordinatorLoadInProgress: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  unsupportedVersion: 35,
  topicAlreadyExists: 36,
  unsupportedForMessageFormat: 43,
  policyViolation: 44,
  unsupportedCompression: 76,
  memberIdRequired: 79,
  invalidRecord: 87,
} as const;

const SURELY_NOT_WRITTEN = new Set<number>([ErrorCode.notEnoughReplicas]);

const REFUSED_FOR_GOOD = new Set<number>([
  ErrorCode.messageTooLarge,
  ErrorCode.invalidTopic,
  ErrorCode.recordListTooLarge,
  ErrorCode.topicAuthorizationFailed,
  ErrorCode.clusterAuthorizationFailed,
  ErrorCode.invalidTimestamp,
  ErrorCode.unsupportedVersion,
  ErrorCode.unsupportedForMessageFormat,
  ErrorCode.policyViolation,
  ErrorCode.unsupportedCompression,
  ErrorCode.invalidRecord,
]);

/**
 * An answered produce. Everything that a leader may also say after it has appended (it lost its role, or
 * the partition, while it waited for replicas) is unknown, and so is every code that is not listed.
 */
export function classifyAppend(code: number): AppendFailure {
  if (SURELY_NOT_WRITTEN.has(code)) return 'not-written';
  return REFUSED_FOR_GOOD.has(code) ? 'fatal' : 'unknown';
}

export function classifyRead(code: number): ReadFailure {
  if (code === ErrorCode.offsetOutOfRange) return 'out-of-range';
  return REFUSED_FOR_GOOD.has(code) ? 'fatal' : 'unavailable';
}
