export { parseBudget, budgetOf, formatBudget } from './budget.js';
