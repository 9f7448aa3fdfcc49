export { EnrolmentRefused, type EnrolledIdentity, type EnrolmentRequest, enrol } from './enrol.js';
export { type Identity, IdentityFile, newIdentity } from './identity.js';
export { Whereabouts } from './whereabouts.js';
