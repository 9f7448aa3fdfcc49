export { formatToken, parseToken } from './token.js';
