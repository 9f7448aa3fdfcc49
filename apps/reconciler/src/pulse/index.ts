export { ledPulses, PulseMirror, type LedPulse } from './pulse-mirror.js';
