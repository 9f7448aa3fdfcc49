export {
  CommandIngest,
  contextOf,
  type Accepted,
  type Origin,
  type Submission,
  type IngestOptions,
} from './ingest.js';
export { Submit, SubmitHandler } from './submit.js';
export { By, originOf, traceOf } from './request-origin.js';
export { EarlyRefusals } from './early-refusals.js';
