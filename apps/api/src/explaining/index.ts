export { ExplainingController } from './explaining-controller.js';
export { ExplainTargetHandler, ExplainTaskHandler, SimulateHandler } from './queries.js';
