/** Postgres cannot be asked now; the same call can work later. */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

/** Postgres refuses these very rows (a value out of range, a key too long), and would do so again. */
export class RowsRefused extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RowsRefused';
  }
}

// Connection exceptions, authorisation, read-only servers, resources, operator's intervention, deadlocks.
const passingClasses = ['08', '25', '28', '40', '53', '55', '57', '58'];
/** Tables that are not there: not migrated yet, or another database. */
const notMigrated = ['42P01', '3F000', '3D000', '42703'];
const passingMessages = /terminated|timeout|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|not queryable|closed|ended/i;
const refusingClasses = ['22', '23', '54'];

/** Whether an error of pg is the outside's and may pass. */
export function isPassing(error: unknown): boolean {
  const { code, message } = partsOf(error);
  if (isSqlState(code)) return passingClasses.includes(code.slice(0, 2)) || notMigrated.includes(code);
  // A code of another form is the system's (ECONNREFUSED and its like).
  return (code !== '' && !code.startsWith('ERR_')) || passingMessages.test(message);
}

/**
 * An error of a projection's transaction as what it means for the projection. Only what is about the
 * rows themselves counts against them: a missing privilege or table is somebody's to mend, and records
 * must not be given up for it.
 */
export function asStoreError(error: unknown): unknown {
  const { code, message } = partsOf(error);
  if (isSqlState(code)) {
    const refused = refusingClasses.includes(code.slice(0, 2));
    return refused
      ? new RowsRefused(message, { cause: error })
      : new StoreUnavailable(message, { cause: error });
  }
  if (!isPassing(error)) return error;
  return new StoreUnavailable(message || 'Postgres cannot be reached', { cause: error });
}

function partsOf(error: unknown): { code: string; message: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : '',
  };
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);
}
