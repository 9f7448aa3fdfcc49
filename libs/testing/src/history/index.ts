export { Scribe, type Written } from './scribe.js';
export { someTask, someState, writeAgent, writeFanout, writeTask, writeHealedState } from './lives.js';
