export {
  parseSelector,
  selectorOf,
  selectorOfLabels,
  formatSelector,
  BadSelector,
  maxSelectorLength,
} from './selector.js';
export { isLabelKey, isLabelValue, maxLabelLength } from './label-syntax.js';
