export { MARK_NAME, ShellExecutor, type ShellSettings } from './shell-executor.js';
export { type ProcessTree, stopTree } from './process-tree.js';
