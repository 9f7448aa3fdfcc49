export { GetQueueHandler } from './queue-query.js';
export { TenantsController } from './tenants-controller.js';
export { LimitsBody } from './tenant-bodies.js';
export { saidLimits } from './limits-change.js';
export { OperatorTenant } from './operator-tenant.js';
export { GetBreakersHandler } from './breakers-query.js';
