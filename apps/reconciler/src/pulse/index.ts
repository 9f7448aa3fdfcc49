export { PulseMirror, type LedPulse } from './pulse-mirror.js';
