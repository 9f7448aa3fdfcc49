export { Flood, type FloodWorld } from './flood.js';
export { type Told } from './shared-cache.js';
