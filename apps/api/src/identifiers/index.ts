export { newId, derivedId, newSecret, sha256Hex, type IdPrefix } from './identifiers.js';
