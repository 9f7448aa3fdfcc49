export { FanoutsController } from './fanouts-controller.js';
export { GetFanoutHandler, ListFanoutsHandler, ListMembersHandler } from './queries.js';
