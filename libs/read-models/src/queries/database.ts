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
    const opening = this.source();
    try {
      return await work(await opening);
    } catch (error: unknown) {
      if (!isPassing(error)) throw error;
      if (isUnanswered(error)) this.discard(opening);
      const message = error instanceof Error && error.message ? error.message : 'Postgres cannot be reached';
      throw new ReadModelsUnavailable(message, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const source = await this.opening?.catch(() => null);
    if (source?.isInitialized) await source.destroy();
  }

  /**
   * A query that nobody answered leaves its connection waiting for that answer, and the driver hands it out
   * again all the same: behind a black hole every connection of the pool ends so. The next query opens anew.
   */
  private discard(opening: Promise<DataSource>): void {
    if (this.opening !== opening) return;
    this.opening = null;
    void opening.then((source) => source.destroy()).catch(() => undefined);
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

/** The driver's own deadline passed: the server has said nothing. */
function isUnanswered(error: unknown): boolean {
  return (
    error instanceof Error &&
    /query read timeout|timeout exceeded when trying to connect/i.test(error.message)
  );
}
