export { describeAppends } from './appends.js';
export { describeGroups } from './groups.js';
export { describeReads } from './reads.js';
export { eventually, Scene } from './scene.js';
export { describeTails } from './tails.js';
export { type LogClient, type LogWorld } from './world.js';
