export { neverOpens, windowAt, windowFlaw, type WindowFlaw, type WindowState } from './window-at.js';
