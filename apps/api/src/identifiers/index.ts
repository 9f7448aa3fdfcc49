export { newId, derivedId, newSecret, sha256Hex, type IdPrefix } from './identifiers.js';
export { submissionId } from './submission-id.js';
