export { parseDuration, durationMs, formatDuration } from './duration.js';
