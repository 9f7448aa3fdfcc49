import { type ApiPropertyOptions } from '@nestjs/swagger';

/** How OpenAPI shows the fields that are no plain strings. */
export const commandSchema: ApiPropertyOptions = {
  type: undefined,
  oneOf: [
    { type: 'string', minLength: 1, maxLength: 65_536, description: 'For `/bin/sh -c`.' },
    { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 256, description: 'An argv.' },
  ],
};

export const labelsSchema: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: { type: 'string' },
};

export const selectorSchema: ApiPropertyOptions = {
  type: undefined,
  oneOf: [{ type: 'string' }, { type: 'object', additionalProperties: { type: 'string' } }],
};

export const backoffSchema: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: false,
  properties: { base: { type: 'string', example: '5s' }, max: { type: 'string', example: '5m' } },
};
