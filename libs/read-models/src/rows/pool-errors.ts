import { type Pool } from 'pg';

/**
 * A connection that breaks says so by an event, and an event of errors that nobody listens to ends the
 * process: while it is idle in the pool, and also while somebody holds it and is between two statements.
 * Whoever holds it learns of it from the next statement; an idle one is replaced at the next use.
 */
export function outliveBrokenConnections(pool: Pool): void {
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
}
