import { type ReasonCode } from '@fluxforge/events/catalogue';
import { type DesiredState } from '@fluxforge/domain/desired-state';
import { allowance } from '@fluxforge/domain/kernel';

/** At least one may be remediated at a time: a budget of none would be a state that is never enforced. */
export function maxOccupied(desired: DesiredState): number {
  return Math.max(1, allowance(desired.spec.max_concurrency, desired.targets.size));
}

export function maxGivenUp(desired: DesiredState): number {
  return allowance(desired.spec.max_failures, desired.targets.size);
}

/** How many remediations may be started now. */
export function freePlaces(desired: DesiredState): number {
  if (desired.givenUp > maxGivenUp(desired)) return 0;
  return Math.max(0, maxOccupied(desired) - desired.occupied);
}

/** Which budget holds back what is ready, or null. */
export function spentBudget(desired: DesiredState): ReasonCode | null {
  if (desired.givenUp > maxGivenUp(desired)) return 'max_failures';
  return desired.occupied >= maxOccupied(desired) ? 'max_concurrency' : null;
}
