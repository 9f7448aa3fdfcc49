/**
 * What all views share. Field names are those of the REST API; times are ISO 8601 in UTC with
 * milliseconds, spans are in milliseconds.
 */
export interface Resource {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Rises when what was declared changes; on a task it is the life of its id. */
  readonly generation: number;
  /**
   * Of a state: rises when its declared fields, name or labels change, and is what `if_version` is
   * compared with. Of others: rises with every event.
   */
  readonly resource_version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export type ConditionStatus = 'true' | 'false' | 'unknown';

export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** A reason code, or empty. */
  readonly reason: string;
  readonly message: string;
  readonly last_transition_at: string;
  readonly observed_generation: number;
}

/** `limit` is cut to `maxPageSize`. A cursor is opaque and belongs to one tenant's list with one set of filters. */
export interface PageRequest {
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly next_cursor: string | null;
}

export const defaultPageSize = 50;
export const maxPageSize = 500;

/** Postgres is away, too slow, or not migrated: the caller may answer 503 and the same call can work later. */
export class ReadModelsUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ReadModelsUnavailable';
  }
}

/** The cursor is not one of this list's: the caller's mistake. */
export class BadCursor extends Error {
  constructor() {
    super('the cursor is not one that this list gave');
    this.name = 'BadCursor';
  }
}
