export { signLease, verifyLease, type LeaseClaim, type LeaseTokenVerdict } from './lease-token.js';
