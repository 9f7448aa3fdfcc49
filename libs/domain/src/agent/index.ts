export {
  copyAgent,
  freeSlots,
  newAgent,
  roomRefusal,
  standingRefusal,
  suits,
  type Agent,
  type AgentStanding,
  type Load,
  type Session,
} from './agent.js';
export { couldFit, fits, fitsKept, hasResources, hasRoom, occupy, slotsOf, vacate } from './fit.js';
export {
  decideAgent,
  decideAnswered,
  decideConnected,
  type AgentCommand,
  type Fleet,
} from './decide-agent.js';
export {
  type AgentMessage,
  type ConnectedMessage,
  type HeartbeatMessage,
  type HeldLease,
  type LeaseRef,
  type RunReport,
} from './messages.js';
