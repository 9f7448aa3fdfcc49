export { parseSelector, selectorOf, selectorOfLabels, BadSelector, maxSelectorLength } from './selector.js';
export { isLabelKey, isLabelValue, maxLabelLength } from './label-syntax.js';
