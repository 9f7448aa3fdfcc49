export { type HostSettings, defaultHostLimits } from './settings.js';
export { type HostRequest, type Justified, type Snapshot, type Source } from './requests.js';
export { PartitionHost, type HostContext } from './host.js';
export { PartitionRunner, type RunnerEvents, type RunnerPorts } from './runner.js';
export { HostGroup, type HostGroupOptions } from './host-group.js';
export { steadyClock } from './clock.js';
export { hostTelemetry } from './host-metrics.js';
export { UnsafeLog, assertSafeLog, untilSafeLog } from './log-settings.js';
