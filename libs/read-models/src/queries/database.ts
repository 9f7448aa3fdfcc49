import { type DataSource } from 'typeorm';
import { isPassing } from '../rows/pg-errors.js';
import { ReadModelsUnavailable } from './common.js';
import { dataSourceOf, type DataSourceOptions } from './data-source.js';

/**
 * The connection pool behind the queries. It is opened by the first query that finds Postgres there, so
 * that a process starts, and answers what needs no views, while Postgres is away.
 */
export class Database {
  private opening: Promise<DataSource> | null = null;
  private closed = false;

  constructor(private readonly options: DataSourceOptions) {}

  /** @throws ReadModelsUnavailable when Postgres does not answer, or not in time */
  async run<T>(work: (source: DataSource) => Promise<T>): Promise<T> {
    if (this.closed) throw new ReadModelsUnavailable('the read models are closed');
    try {
      return await work(await this.source());
    } catch (error: unknown) {
      if (!isPassing(error)) throw error;
      const message = error instanceof Error && error.message ? error.message : 'Postgres cannot be reached';
      throw new ReadModelsUnavailable(message, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const source = await this.opening?.catch(() => null);
    if (source?.isInitialized) await source.destroy();
  }

  private source(): Promise<DataSource> {
    this.opening ??= dataSourceOf(this.options)
      .initialize()
      .catch((error: unknown) => {
        // The next query tries anew; those that wait now all hear of this failure.
        this.opening = null;
        throw error;
      });
    return this.opening;
  }
}
