export { newId, derivedId, newSecret, sha256Hex, keyHashOf, type IdPrefix } from './identifiers.js';
export { submissionId } from './submission-id.js';
