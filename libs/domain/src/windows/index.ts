export {
  isWindowReason,
  neverOpens,
  windowAt,
  windowFlaw,
  type WindowFlaw,
  type WindowReason,
  type WindowState,
} from './window-at.js';
