export { StatesController } from './states-controller.js';
export { StateRefusals } from './state-refusals.js';
export {
  GetState,
  ListStates,
  ListTargets,
  GetStateHandler,
  ListStatesHandler,
  ListTargetsHandler,
  type StateView,
} from './queries.js';
export { StateListQuery, stateFilterOf, TargetListQuery, targetFilterOf } from './state-query.js';
export { stateView } from './state-spec.js';
export { StateBody } from './state-body.js';
