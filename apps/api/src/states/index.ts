export { StatesController } from './states-controller.js';
export { StateRefusals } from './state-refusals.js';
export { GetStateHandler, ListStatesHandler, ListTargetsHandler } from './queries.js';
export { StateBody } from './state-body.js';
