export { countBetween, lastBetween } from './count.js';
export { expandMacro, maxCronLength, parseCron, type Cron, type ParsedCron } from './parse.js';
export { nextAfter } from './next-after.js';
export { isTimeZone } from './zones.js';
