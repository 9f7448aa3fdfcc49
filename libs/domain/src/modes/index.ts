export {
  decideClusterMode,
  decideTenantMode,
  type ClusterModeCommand,
  type TenantModeCommand,
} from './decide-mode.js';
export {
  clusterMode,
  degradedLowest,
  effectiveMode,
  heldScope,
  heldScopeTexts,
  holdsLeases,
  modeRefusal,
  modeRefusalTexts,
  normalCluster,
  notOverloaded,
  stricter,
  type ClusterMode,
  type HeldScope,
  type ModeRefusal,
  type SetMode,
} from './modes.js';
export { TenantOverloadWatch, type TenantLoad } from './tenant-overload.js';
export { OverloadWatch, type Marks, type OverloadPolicy, type PressureMessage } from './overload.js';
