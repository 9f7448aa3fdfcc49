export { CheckQueue, type CheckQueueSettings, defaultCheckSettings } from './check-queue.js';
