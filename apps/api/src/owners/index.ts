export { Owners } from './owners.js';
