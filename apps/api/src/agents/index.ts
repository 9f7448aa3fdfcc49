export { AgentsController } from './agents-controller.js';
export {
  GetAgent,
  ListAgents,
  AgentListQuery,
  agentFilterOf,
  GetAgentHandler,
  ListAgentsHandler,
} from './queries.js';
