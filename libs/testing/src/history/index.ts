export { Scribe, type Written } from './scribe.js';
export { someTask, someState, writeAgent, writeTask, writeHealedState } from './lives.js';
