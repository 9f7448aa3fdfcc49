export { OutputHub, type OutputSettings, type OutputSink, defaultOutputSettings } from './output-hub.js';
export { AttemptOutput, type OutputTotals } from './attempt-output.js';
export { ByteBudget } from './byte-budget.js';
