export { InMemoryLogCore } from './log-core.js';
export { PartitionLog } from './partition-log.js';
export { InMemoryCluster, type InMemoryClusterOptions } from './cluster.js';
export { InMemoryLog } from './in-memory-log.js';
export { type InMemoryMembership } from './group.js';
export { type AppendFault } from './append-faults.js';
