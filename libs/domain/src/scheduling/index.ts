export { effectivePriority, rankOf, TenantQueue, type Choice } from './tenant-queue.js';
