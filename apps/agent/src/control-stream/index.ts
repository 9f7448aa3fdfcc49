export { fullJitterMs } from './backoff.js';
export { ControlStream, type Discovery, RefusedForGood } from './control-stream.js';
