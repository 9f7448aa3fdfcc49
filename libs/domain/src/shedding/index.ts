export { Backlog } from './backlog.js';
