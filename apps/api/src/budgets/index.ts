export { parseBudget, budgetOf } from './budget.js';
