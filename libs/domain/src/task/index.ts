export { admitTask, countsAsSubmission, type Candidate, type TenantAdmission } from './admit-task.js';
export { cancelTask } from './cancel-task.js';
export { decideCancel, decideWithdrawn, type CancelCommand } from './decide-cancel.js';
export {
  decideRemediation,
  decideSubmit,
  type Admission,
  type RemediationDefaults,
  type RemediationRequest,
  type SubmitCommand,
} from './decide-submit.js';
export { KeyWindow, keyWindowMs } from './key-window.js';
export { SharedSpecs, specBytes } from './shared-specs.js';
export {
  copyTask,
  deadlineMs,
  runOverMs,
  newTask,
  type EndedTask,
  type Keyed,
  type Lease,
  type Seats,
  type Task,
} from './task.js';
