export {
  problems,
  problemCodes,
  problemOfRefusal,
  fieldCodes,
  type ProblemCode,
  type FieldCode,
} from './problem-codes.js';
export {
  ProblemError,
  problemBody,
  problemContentType,
  notFound,
  shedLimits,
  type ShedLimit,
  type FieldError,
  type ProblemBody,
  type ProblemExtras,
} from './problem.js';
export { ProblemFilter, problemOf, sendProblem } from './problem-filter.js';
export { parseJsonBody, maxBodyBytes } from './json-body.js';
