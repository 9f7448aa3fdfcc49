export { HotQueueMirror, type MirrorOptions } from './mirror.js';
