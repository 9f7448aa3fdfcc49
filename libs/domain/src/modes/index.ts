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
  holdsLeases,
  modeRefusal,
  modeRefusalTexts,
  normalCluster,
  stricter,
  type ClusterMode,
  type ModeRefusal,
  type SetMode,
} from './modes.js';
export { OverloadWatch, type Marks, type OverloadPolicy, type PressureMessage } from './overload.js';
