export { LeaseDesk, type LeaseDeskSettings } from './lease-desk.js';
export { interruptLeftovers } from './leftovers.js';
export { checkMark } from './marks.js';
