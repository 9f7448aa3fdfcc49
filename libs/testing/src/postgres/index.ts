export { createTestDatabase, type TestDatabase } from './test-database.js';
export { tableDigests } from './table-digest.js';
