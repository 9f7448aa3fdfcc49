export {
  defaultStatesPolicy,
  makeStatesContext,
  type StatesContext,
  type StatesEffect,
  type StatesPolicy,
} from './context.js';
