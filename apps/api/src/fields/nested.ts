import { ProblemError } from '../http/index.js';

/**
 * Reads a part of a body; what is wrong with it is said by its place in the whole.
 * @throws ProblemError
 */
export function inField<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error: unknown) {
    if (!(error instanceof ProblemError)) throw error;
    const errors = (error.extras.errors ?? []).map((one) => ({ ...one, field: `${path}.${one.field}` }));
    throw new ProblemError('validation_failed', `${path}: ${error.detail}`, { errors });
  }
}
