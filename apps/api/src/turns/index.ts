export { crowded } from './crowded.js';
export { takeTurns } from './http-turns.js';
export { Turns, type Turn, type TurnsOptions } from './turns.js';
