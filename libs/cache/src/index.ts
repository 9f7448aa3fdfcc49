export { lost, type Cache, type Kept, type Lost, type NamedText, type Rate } from './port.js';
export { putAll } from './put-all.js';
export { InProcessCache, type InProcessOptions } from './in-process.js';
export { openCache, RedisCache, type RedisOptions } from './redis.js';
