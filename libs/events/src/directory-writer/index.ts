export { DirectoryWriter } from './directory-writer.js';
