export { GetQueueHandler } from './queue-query.js';
export { TenantsController } from './tenants-controller.js';
export { LimitsBody, saidLimits } from './tenant-bodies.js';
export { OperatorTenant } from './operator-tenant.js';
export { GetBreakersHandler } from './breakers-query.js';
