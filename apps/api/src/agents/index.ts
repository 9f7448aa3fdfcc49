export { AgentsController } from './agents-controller.js';
export { GetAgentHandler, ListAgentsHandler } from './queries.js';
