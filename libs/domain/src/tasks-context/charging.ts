import { admitsSubmission, spend } from '@fluxforge/domain/quotas';
import { type Realm } from './state.js';

/** Submissions that are not single tasks: they take from the same bucket as those do. */

export function isWithinRate(realm: Realm | undefined, nowMs: number): boolean {
  return !realm || admitsSubmission(realm.submissions, realm.tenant.limits, nowMs);
}

/** Logs from before these were charged say so by leaving it out, and fold to what they did then. */
export function chargeOnce(realm: Realm, { charged }: { readonly charged?: true }, timeMs: number): void {
  if (charged) realm.submissions = spend(realm.submissions, realm.tenant.limits, timeMs);
}
