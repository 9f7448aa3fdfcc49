import { asStoreError, isPassing, RowsRefused, StoreUnavailable } from './pg-errors.js';

const pgError = (code: string) => Object.assign(new Error(`pg says ${code}`), { code });

describe('errors of Postgres', () => {
  it.each(['22003', '23505', '54000'])('%s is about the rows', (code) => {
    expect(asStoreError(pgError(code))).toBeInstanceOf(RowsRefused);
    expect(isPassing(pgError(code))).toBe(false);
  });

  it.each(['57P01', '08006', '53300', '40P01', '25006', '28P01', '42P01', 'ECONNREFUSED', 'EPIPE'])(
    '%s may pass',
    (code) => {
      expect(asStoreError(pgError(code))).toBeInstanceOf(StoreUnavailable);
      expect(isPassing(pgError(code))).toBe(true);
    },
  );

  it('counts a missing privilege against no record, and hides no mistake of a query', () => {
    expect(asStoreError(pgError('42501'))).toBeInstanceOf(StoreUnavailable);
    expect(isPassing(pgError('42601'))).toBe(false);
  });

  it('knows the messages that come without a code', () => {
    expect(isPassing(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isPassing(new Error('timeout exceeded when trying to connect'))).toBe(true);
  });

  it('leaves bugs what they are', () => {
    const bug = new TypeError('x is not a function');
    expect(asStoreError(bug)).toBe(bug);
    expect(isPassing(Object.assign(new Error('bad'), { code: 'ERR_INVALID_ARG_TYPE' }))).toBe(false);
  });
});
