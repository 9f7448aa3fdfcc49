export { AccessGuard, From, Needs, Open } from './access.js';
export { callerWith } from './callers.js';
