export { type EnrolmentBody, FakeApi } from './fake-api.js';
export { FakeControlPlane, keyOf } from './fake-control-plane.js';
export { FakeDispatcher, type Greeting, type Heard } from './fake-dispatcher.js';
export { FakeOutput, type HeardOutput } from './fake-output.js';
export { Received } from './received.js';
export {
  AgentProcess,
  type AgentProcessSettings,
  type Exit,
  compileAgent,
  processesWith,
  scratchFolder,
  until,
} from './agent-process.js';
