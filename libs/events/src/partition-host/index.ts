export { type HostSettings, defaultHostLimits } from './settings.js';
export { type HostRequest, type Justified, type Snapshot, type Source } from './requests.js';
export { PartitionHost, type HostContext } from './host.js';
