export { Directory, type Caller } from './directory.js';
export { DirectoryFollower } from './follower.js';
