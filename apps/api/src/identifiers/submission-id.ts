import { Parameter, text } from '../fields/index.js';
import { derivedId, newId, type IdPrefix } from './identifiers.js';

const key = new Parameter(
  'Idempotency-Key',
  text({ min: 1, max: 256, pattern: /^[\x21-\x7e]+$/, form: 'printable ASCII without blanks' }),
);

/**
 * Of what is submitted: with an idempotency key, always the same for the tenant's key; else a new one.
 * @throws ProblemError for a header that can be no key
 */
export function submissionId(
  prefix: IdPrefix,
  tenantId: string,
  idempotencyKey: string | undefined,
  nowMs: number,
): string {
  if (idempotencyKey === undefined) return newId(prefix, nowMs);
  return derivedId(prefix, tenantId, key.transform(idempotencyKey));
}
