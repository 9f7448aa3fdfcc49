export { type Work, parseWork, runCommand, hangCommand, checkCommand, applyCommand } from './work.js';
export { type Draw, type Place, drawTaskSpec, drawStateSpec, versionOf } from './specs.js';
