export { bootstrap, tenantIdOf, type Bootstrapped } from './bootstrap.js';
