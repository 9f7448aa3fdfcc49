export { AccessGuard, From, Needs, Open } from './access.js';
