import { ProblemError } from '../http/index.js';

/** Too many requests of one tenant wait for their turn on this server. */
export function crowded(): ProblemError {
  const detail = 'Too many writes of the tenant wait on this server. Nothing was written.';
  return new ProblemError('lag_limited', detail, { limit: 'waiting_writes' }, { retryAfterS: 1 });
}
