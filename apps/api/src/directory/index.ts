export { Directory, type Caller } from './directory.js';
export { type HeldMode } from './held-modes.js';
export { DirectoryFollower } from './follower.js';
