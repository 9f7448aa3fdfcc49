export { decideTenant, type TenantCommand } from './decide-tenant.js';
export { declaredBytes, declaredBytesRefusal } from './declared-bytes.js';
export {
  defaultMaxDeclaredBytes,
  limitsAfter,
  maxDeclaredBytes,
  maxQueuedBytes,
  raisedLimits,
  type DefaultLimits,
} from './limits.js';
export {
  evolveTenant,
  newTenant,
  useToken,
  type ApiKey,
  type JoinToken,
  type Tenant,
  type TenantFact,
} from './tenant.js';
