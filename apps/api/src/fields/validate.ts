import {
  getMetadataStorage,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
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
  const fields = fieldsOf(shape);
  const errors: FieldError[] = Object.keys(given)
    .filter((key) => !fields.has(key))
    .map((key) => ({ field: key.slice(0, 128), code: 'unknown_field', message: 'there is no such field' }));
  const value = new shape();
  for (const key of fields.keys()) {
    if (Object.hasOwn(given, key)) (value as Record<string, unknown>)[key] = given[key];
  }
  errors.push(...fieldErrors(fields, value, options.partial ?? false));
  if (errors.length === 0) errors.push(...toErrors('', shape.consistency?.(value) ?? fine));
  if (errors.length > 0) {
    throw new ProblemError(options.code, summary(errors), { errors: errors.slice(0, maxErrors) });
  }
  return value;
}

function fieldErrors(fields: Fields, value: object, partial: boolean): FieldError[] {
  const errors: FieldError[] = [];
  for (const [property, rules] of fields) {
    const args = argumentsOf(value, property);
    for (const rule of rules) {
      if (rule.validate(args.value, args) === true) continue;
      errors.push(...toErrors(property, JSON.parse(rule.defaultMessage?.(args) ?? '[]') as readonly Flaw[]));
    }
  }
  // In a partial body only the fields themselves may be missing, not the parts of a field.
  return partial ? errors.filter((error) => error.code !== 'required' || /[.[]/.test(error.field)) : errors;
}

function argumentsOf(object: object, property: string): ValidationArguments {
  const value = (object as Record<string, unknown>)[property];
  return { value, object, property, constraints: [], targetName: object.constructor.name };
}

function toErrors(property: string, flaws: readonly Flaw[]): FieldError[] {
  return flaws.map(({ path, code, message }) => ({ field: `${property}${path}`, code, message }));
}

function summary(errors: readonly FieldError[]): string {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return first ? `${first.field}: ${first.message}${more}` : '';
}

/** The rules of a shape by field. */
type Fields = ReadonlyMap<string, readonly ValidatorConstraintInterface[]>;

const known = new Map<unknown, Fields>();

/**
 * What is declared with class-validator, looked up once: its own `validateSync` gathers the same again for every value,
 * which costs several times as much as the rules.
 */
function fieldsOf(shape: Shape<object>): Fields {
  let fields = known.get(shape);
  if (!fields) known.set(shape, (fields = compiled(shape)));
  return fields;
}

function compiled(shape: Shape<object>): Fields {
  const storage = getMetadataStorage();
  const fields = new Map<string, ValidatorConstraintInterface[]>();
  for (const { propertyName, constraintCls } of storage.getTargetValidationMetadatas(
    shape,
    '',
    false,
    false,
  )) {
    const rules = storage.getTargetValidatorConstraints(constraintCls).map(({ instance }) => instance);
    fields.set(propertyName, [...(fields.get(propertyName) ?? []), ...rules]);
  }
  return fields;
}
