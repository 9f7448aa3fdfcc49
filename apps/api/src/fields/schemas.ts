import { type ApiPropertyOptions } from '@nestjs/swagger';
import { concurrencyStrategies } from '@fluxforge/events/catalogue';

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

export const requestsSchema: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: false,
  properties: {
    cpu_millis: { type: 'integer', minimum: 0, maximum: 1_024_000 },
    memory_bytes: { type: 'integer', minimum: 0, maximum: 2 ** 50 },
    slots: { type: 'integer', minimum: 1, maximum: 1024, default: 1 },
  },
};

export const concurrencySchema: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: false,
  required: ['key'],
  properties: {
    key: { type: 'string', minLength: 1, maxLength: 128 },
    max: { type: 'integer', minimum: 1, maximum: 10_000, default: 1 },
    strategy: { enum: [...concurrencyStrategies.values], default: 'queue' },
  },
};

export const backoffSchema: ApiPropertyOptions = {
  type: 'object',
  additionalProperties: false,
  properties: { base: { type: 'string', example: '5s' }, max: { type: 'string', example: '5m' } },
};
