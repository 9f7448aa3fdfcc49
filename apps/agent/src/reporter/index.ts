export { Reporter } from './reporter.js';
