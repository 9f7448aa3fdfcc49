export { CutModels } from './cut-models.js';
