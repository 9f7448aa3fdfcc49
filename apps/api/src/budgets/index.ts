export { parseBudget, formatBudget } from './budget.js';
