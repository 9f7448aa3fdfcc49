import { type OwnerSettings } from '@fluxforge/events/journal';

export interface HostSettings extends OwnerSettings {
  /** Most records in one batch; what an input decides must fit in one. */
  readonly maxBatchRecords: number;
  /** Most bytes in one batch, headers counted generously; well below the broker's limit for a message. */
  readonly maxBatchBytes: number;
  /** Above this many waiting messages further ones are refused; their senders hold them and try again. */
  readonly maxQueuedMessages: number;
  /** Above this many waiting records a source is told to wait. */
  readonly maxQueuedRecords: number;
  /** Inputs that advanced without an event are covered by a progress record at most this often. */
  readonly progressIntervalMs: number;
}

export const defaultHostLimits = {
  confirmIntervalMs: 2000,
  backoffBaseMs: 200,
  backoffMaxMs: 10_000,
  maxBatchRecords: 500,
  maxBatchBytes: 768 * 1024,
  maxQueuedMessages: 10_000,
  maxQueuedRecords: 5_000,
  progressIntervalMs: 1000,
} as const;

/**
 * How owners hear of each other. The group's verdict on one that fell silent takes the session timeout, and up to
 * one heartbeat more until the others hear of it; one that leaves says so at once.
 */
export const ownerGroupPace = {
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 1_000,
  rebalanceTimeoutMs: 10_000,
} as const;
