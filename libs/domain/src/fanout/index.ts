export { decideFanout, type FanoutCommand, type FanoutLimits, type FanoutMoment } from './decide-fanout.js';
export { EndedFanouts, type KeptFanouts } from './ended-fanouts.js';
export {
  addMember,
  evolveFanout,
  memberCancelled,
  memberOver,
  memberRejected,
  type FanoutFact,
} from './evolve-fanout.js';
export {
  childTaskId,
  hasWork,
  memberEnd,
  newFanoutBook,
  type EndedFanout,
  type Fanout,
  type FanoutBook,
} from './fanout.js';
export { stepFanout, type Members } from './step.js';
