export { EndTail, type EndTailHandlers } from './end-tail.js';
