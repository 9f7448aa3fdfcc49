/** Postgres cannot be asked now; the same call can work later. */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

// Connection exceptions, resources, operator's intervention, and what a retry heals (serialisation, deadlock).
const passingClasses = ['08', '53', '57', '58', '40'];
/** Tables that are not there: not migrated yet, or another database. */
const notMigrated = ['42P01', '3F000', '3D000', '42703'];
const passingMessages = /terminated|timeout|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|not queryable|closed|ended/i;

/**
 * Whether an error of pg is the outside's and may pass. What is left says that these very rows do not
 * fit, and would say so again.
 */
export function isPassing(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    return passingClasses.includes(code.slice(0, 2)) || notMigrated.includes(code);
  }
  // A code of another form is the system's (ECONNREFUSED and its like).
  const isSystems = typeof code === 'string' && !code.startsWith('ERR_');
  return isSystems || (typeof message === 'string' && passingMessages.test(message));
}

export function asUnavailable(error: unknown): unknown {
  if (!isPassing(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreUnavailable(message || 'Postgres cannot be reached', { cause: error });
}
