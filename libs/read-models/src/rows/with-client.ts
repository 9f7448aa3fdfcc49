import { type Pool, type PoolClient } from 'pg';
import { asStoreError } from './pg-errors.js';

/** @throws a store error, or what `work` throws that is none */
export async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  let client: PoolClient;
  try {
    client = await pool.connect();
  } catch (error: unknown) {
    throw asStoreError(error);
  }
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error: unknown) {
    // Whatever the connection was in the middle of ends with it.
    client.release(true);
    throw asStoreError(error);
  }
}
