export { type Flaw, type Check, flaw, fine } from './flaw.js';
export {
  text,
  name,
  resourceId,
  userName,
  directoryPath,
  sha256Hex,
  commandLine,
  environment,
  isPlainObject,
} from './text-checks.js';
export {
  wholeNumber,
  digits,
  oneOf,
  yesOrNo,
  duration,
  time,
  budget,
  selector,
  labels,
  backoff,
  listOf,
} from './value-checks.js';
export { cronField, timeZoneField } from './cron-checks.js';
export { objectField, objectOf } from './object-checks.js';
export { Field, type FieldOptions } from './field.js';
export { inField } from './nested.js';
export { validated, type Shape } from './validate.js';
export { BodyOf, OptionalBodyOf, QueryOf, Parameter } from './pipes.js';
