import { type Budget } from '@fluxforge/events/catalogue';

/** `"2"`, `2` or `"25%"`: a number of agents, or a share of them. */
export function parseBudget(value: unknown): Budget | null {
  if (typeof value === 'number') return countOf(value);
  if (typeof value !== 'string' || value.length > 8) return null;
  const isPercent = value.endsWith('%');
  const digits = isPercent ? value.slice(0, -1) : value;
  if (!/^\d{1,7}$/.test(digits)) return null;
  const number = Number(digits);
  if (!isPercent) return countOf(number);
  return number <= 100 ? { percent: number } : null;
}

/** Of a value that was validated. */
export function budgetOf(value: string | number): Budget {
  const budget = parseBudget(value);
  if (budget === null) throw new Error(`a budget that was validated does not parse: ${value}`);
  return budget;
}

function countOf(number: number): Budget | null {
  return Number.isInteger(number) && number >= 0 && number <= 1_000_000 ? { count: number } : null;
}
