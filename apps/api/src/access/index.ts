export { AccessGuard, From, Needs, Open } from './access.js';
export { callerWith, tenantWith } from './callers.js';
