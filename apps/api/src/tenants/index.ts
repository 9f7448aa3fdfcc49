export { TenantsController } from './tenants-controller.js';
export { OperatorTenant } from './operator-tenant.js';
