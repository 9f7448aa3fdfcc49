import { type Decided, type TasksEventBody } from '@fluxforge/events/catalogue';
import { type Lease, type Task } from '@fluxforge/domain/task';
import { decideAttemptEnd } from './attempt-end.js';

/**
 * When the owner may take a lease for over. The agent counts the duration from a moment before the owner's,
 * and the owner adds a margin, so the agent has stopped by then. A new owner does not know what the former
 * one granted last: it counts from its own takeover at the earliest.
 */
export function leaseOverMs(lease: Lease, marginMs: number, tookOverAtMs: number): number {
  return Math.max(lease.renewedAtMs, tookOverAtMs) + lease.leaseMs + marginMs;
}

/** What the run did is unknown. */
export function decideLeaseOver(task: Task, lease: Lease, nowMs: number): Decided<TasksEventBody> {
  return decideAttemptEnd(task, lease, { outcome: 'lease_expired' }, nowMs);
}
