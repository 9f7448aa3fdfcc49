export {
  AgentControlClient,
  type AgentControlServer,
  AgentControlService,
  AgentFrame,
  AgentMessage,
  ControlFrame,
  ControlMessage,
  Hello,
  Moved,
  Orders,
  Refused,
  RefusedCode,
  Welcome,
} from './generated/fluxforge/agent/v1/control.js';
export { Command, LeaseKey, Surroundings } from './generated/fluxforge/agent/v1/command.js';
export {
  Cancel,
  Drop,
  Grant,
  HeldLease,
  HeldState,
  Inventory,
  Lease,
} from './generated/fluxforge/agent/v1/lease.js';
export {
  Accepted,
  NotHeld,
  Outcome,
  Refusal,
  ReportAck,
  Result,
  StaleTerm,
  Started,
} from './generated/fluxforge/agent/v1/report.js';
export { Check, CheckList, CheckOutcome, CheckResult } from './generated/fluxforge/agent/v1/check.js';
export { Heartbeat, HeartbeatRequest } from './generated/fluxforge/agent/v1/heartbeat.js';
export {
  AgentOutputClient,
  type AgentOutputServer,
  AgentOutputService,
  ChannelRefused,
  GapCause,
  OpenChannel,
  OutputAck,
  OutputChunk,
  OutputEnd,
  OutputFrame,
  OutputGap,
  OutputMessage,
  OutputReply,
  OutputStream,
} from './generated/fluxforge/agent/v1/output.js';
export {
  type AgentMessageBody,
  type ControlMessageBody,
  type OutputMessageBody,
  agentFrame,
  controlFrame,
  leaseKeyText,
  ordersFrame,
} from './frames.js';
export {
  CHECK_OUTPUT_TAIL_BYTES,
  ERROR_TEXT_LIMIT,
  FRAME_MESSAGES_LIMIT,
  MAX_FRAME_BYTES,
  PROTOCOL_VERSION,
} from './limits.js';
