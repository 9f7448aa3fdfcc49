/**
 * Fairness between the tenants of a partition, by time used: start-time fair queuing with two limits.
 *
 * Each tenant has a virtual time. The one with the lowest is served; a lease moves it on by the time that the
 * tenant's runs take on average, divided by its weight, and what that was off by is owed with its next lease.
 * A charge is never below `minChargeMs`, and no tenant gets further than `maxLeadMs` (virtual) ahead of or behind
 * the latest that was served. So between the moment a task could be leased and its tenant's turn, each other
 * tenant is served at most `2 x maxLeadMs x weight / minChargeMs + 1` times: see `picksBefore`.
 */
export interface FairnessPolicy {
  readonly minChargeMs: number;
  readonly maxLeadMs: number;
}

export const defaultFairness: FairnessPolicy = { minChargeMs: 10, maxLeadMs: 1_000 };

/** One tenant's account. A fold of its leases and their ends. */
export interface FairShare {
  virtualMs: number;
  /** Of its runs, from lease to end; new ones count an eighth. */
  averageRunMs: number;
  /** What its ended runs took longer (or, negative, shorter) than they were charged for. */
  owedMs: number;
}

export function newFairShare(): FairShare {
  return { virtualMs: 0, averageRunMs: 0, owedMs: 0 };
}

/** Debts and credits are forgotten beyond this many times the lead that a tenant can have. */
const owedLeads = 10;

/** What the next lease costs its tenant. */
export function chargeMs(share: FairShare, policy: FairnessPolicy): number {
  const wantedMs = Math.round(share.averageRunMs + share.owedMs);
  return Math.min(Math.max(policy.minChargeMs, wantedMs), policy.maxLeadMs * owedLeads);
}

/** Where a tenant that is served now starts from: no further behind than the limit. */
export function startOf(share: FairShare, latestMs: number, policy: FairnessPolicy): number {
  return Math.max(share.virtualMs, latestMs - policy.maxLeadMs);
}

/** A lease was given. `latestMs`: the highest start of any tenant so far; answers the new one. */
export function chargeLease(
  share: FairShare,
  weight: number,
  latestMs: number,
  policy: FairnessPolicy,
): { readonly latestMs: number; readonly estimateMs: number } {
  const startMs = startOf(share, latestMs, policy);
  const newest = Math.max(latestMs, startMs);
  const chargedMs = chargeMs(share, policy);
  const estimateMs = Math.round(share.averageRunMs);
  share.owedMs = bounded(share.owedMs + estimateMs - chargedMs, policy);
  share.virtualMs = Math.min(startMs + chargedMs / weight, newest + policy.maxLeadMs);
  // With a heavy weight the lead's limit could take the whole step: then all would stand still.
  share.virtualMs = Math.max(share.virtualMs, startMs + policy.minChargeMs / weight);
  return { latestMs: newest, estimateMs };
}

/** The lease is over. Only what is owed moves: a tenant that waits is not pushed back by its own ends. */
export function settleLease(
  share: FairShare,
  usedMs: number,
  estimateMs: number,
  policy: FairnessPolicy,
): void {
  share.owedMs = bounded(share.owedMs + usedMs - estimateMs, policy);
  share.averageRunMs += (usedMs - share.averageRunMs) / 8;
}

function bounded(owedMs: number, { maxLeadMs }: FairnessPolicy): number {
  const most = maxLeadMs * owedLeads;
  return Math.max(-most, Math.min(most, owedMs));
}

/**
 * How often tenants of these weights can be served before one that has a task that fits, in all: the others' starts
 * are at most one lead behind the latest, its own at most one lead (and one step) ahead of it, and each lease is a
 * step of `minChargeMs / weight` at least.
 */
export function picksBefore(
  otherWeights: readonly number[],
  ownWeight: number,
  policy: FairnessPolicy,
): number {
  const spanMs = 2 * policy.maxLeadMs + policy.minChargeMs / ownWeight;
  let picks = 0;
  for (const weight of otherWeights) picks += Math.floor((spanMs * weight) / policy.minChargeMs) + 1;
  return picks;
}
