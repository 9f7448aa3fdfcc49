const FIRST_MS = 250;
const CAP_MS = 10_000;

/** How long to wait before the n-th start in a row (n from 1), doubling up to a cap. */
export const backoffMs = (failuresInARow) => Math.min(FIRST_MS * 2 ** (failuresInARow - 1), CAP_MS);
