import { type Budget } from '@fluxforge/events/catalogue';

/** A budget as a number, out of `total`; percentages are rounded up. */
export function allowance(budget: Budget, total: number): number {
  return 'count' in budget ? budget.count : Math.ceil((budget.percent * total) / 100);
}

/** As users write it. */
export function formatBudget(budget: Budget): string {
  return 'count' in budget ? String(budget.count) : `${budget.percent}%`;
}
