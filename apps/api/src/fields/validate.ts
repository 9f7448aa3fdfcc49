import { getMetadataStorage, validateSync } from 'class-validator';
import { ProblemError, type FieldError, type ProblemCode } from '../http/index.js';
import { fine, type Flaw } from './flaw.js';
import { isPlainObject } from './text-checks.js';

/** A class whose fields are declared with `Field`. `consistency` looks across fields that are valid by themselves. */
export interface Shape<T extends object> {
  new (): T;
  consistency?(value: T): readonly Flaw[];
}

export interface ValidateOptions {
  /** Names the whole in errors: `body` fields stand alone, parameters say where they are. */
  readonly code: Extract<ProblemCode, 'validation_failed' | 'invalid_parameter'>;
  /** A part of the fields is enough (PATCH). */
  readonly partial?: boolean;
}

/** Errors beyond this are not listed: the answer stays small however wrong the request is. */
const maxErrors = 50;

/**
 * Turns what was sent into a `T`, or says everything that is wrong with it. Unknown fields are looked for
 * on the plain object first: a key such as `constructor` must not reach an instance.
 * @throws ProblemError
 */
export function validated<T extends object>(shape: Shape<T>, given: unknown, options: ValidateOptions): T {
  if (!isPlainObject(given)) {
    throw new ProblemError('malformed_body', 'The body must be a JSON object.');
  }
  const known = fieldsOf(shape);
  const errors: FieldError[] = Object.keys(given)
    .filter((key) => !known.has(key))
    .map((key) => ({ field: key.slice(0, 128), code: 'unknown_field', message: 'there is no such field' }));
  const value = new shape();
  for (const key of known) {
    if (Object.hasOwn(given, key)) (value as Record<string, unknown>)[key] = given[key];
  }
  errors.push(...fieldErrors(value, options.partial ?? false));
  if (errors.length === 0) errors.push(...toErrors('', shape.consistency?.(value) ?? fine));
  if (errors.length > 0) {
    throw new ProblemError(options.code, summary(errors), { errors: errors.slice(0, maxErrors) });
  }
  return value;
}

function fieldErrors(value: object, partial: boolean): FieldError[] {
  const found = validateSync(value, { stopAtFirstError: false, forbidUnknownValues: false });
  const errors = found.flatMap((error) =>
    Object.values(error.constraints ?? {}).flatMap((message) =>
      toErrors(error.property, JSON.parse(message) as readonly Flaw[]),
    ),
  );
  // In a partial body only the fields themselves may be missing, not the parts of a field.
  return partial ? errors.filter((error) => error.code !== 'required' || /[.[]/.test(error.field)) : errors;
}

function toErrors(property: string, flaws: readonly Flaw[]): FieldError[] {
  return flaws.map(({ path, code, message }) => ({ field: `${property}${path}`, code, message }));
}

function summary(errors: readonly FieldError[]): string {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return first ? `${first.field}: ${first.message}${more}` : '';
}

const known = new Map<unknown, ReadonlySet<string>>();

function fieldsOf(shape: Shape<object>): ReadonlySet<string> {
  let names = known.get(shape);
  if (!names) {
    const metadata = getMetadataStorage().getTargetValidationMetadatas(shape, '', false, false);
    names = new Set(metadata.map((m) => m.propertyName));
    known.set(shape, names);
  }
  return names;
}
