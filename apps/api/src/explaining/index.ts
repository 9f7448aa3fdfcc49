export { ExplainingController } from './explaining-controller.js';
export { ExplainTargetHandler, ExplainTaskHandler } from './queries.js';
export { Owners } from './owners.js';
