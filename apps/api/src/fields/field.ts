import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { registerDecorator, type ValidationArguments } from 'class-validator';
import { type Check, type Flaw } from './flaw.js';

export interface FieldOptions {
  readonly required?: true;
  readonly description: string;
  /** How OpenAPI shows it; a string unless said otherwise. */
  readonly schema?: ApiPropertyOptions;
}

const required: Flaw = { path: '', code: 'required', message: 'is missing' };

/**
 * Declares one field of a body or a query, for class-validator and for OpenAPI at once. What a check finds
 * travels as JSON in class-validator's message: it has no other place for a code beside the text.
 */
export function Field(check: Check, options: FieldOptions): PropertyDecorator {
  const flawsOf = (value: unknown): readonly Flaw[] => {
    if (value === undefined) return options.required ? [required] : [];
    return check(value);
  };
  const validated: PropertyDecorator = (target, property) =>
    registerDecorator({
      name: 'field',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value: unknown) => flawsOf(value).length === 0,
        defaultMessage: (args?: ValidationArguments) => JSON.stringify(flawsOf(args?.value)),
      },
    });
  const shown = { type: String, ...options.schema, description: options.description };
  const property = { ...shown, required: options.required ?? false } as ApiPropertyOptions;
  return applyDecorators(validated, ApiProperty(property));
}
