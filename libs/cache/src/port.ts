/**
 * The cache as FluxForge sees it: counters of rates, and short texts that age. It is never the truth. Whatever it is
 * asked, it answers within a deadline or says that it is lost, and whoever asks goes on without it. There are two
 * implementations, in the process and on Redis, held to one behaviour suite (`cache.features.ts`).
 */
export const lost = 'lost';
export type Lost = typeof lost;

/** A token bucket: full at first, it fills by `perSecond` up to `burst`. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export type NamedText = readonly [name: string, text: string];

export interface Kept {
  readonly text: string;
  /** Since it was put, by the cache's own clock: servers' clocks need not agree. */
  readonly ageMs: number;
}

export interface Cache {
  /**
   * Takes one from a bucket, or finds it empty. Decided at one place, whoever asks at the same moment. Answers 0 when
   * it was taken, else in how many milliseconds there may be one.
   */
  take(bucket: string, rate: Rate): Promise<number | Lost>;
  /** Keeps the texts under their names for `ttlMs`, all or none. */
  put(texts: readonly NamedText[], ttlMs: number): Promise<'kept' | Lost>;
  /** In the order of the names; null: there is none, or not any more. */
  get(names: readonly string[]): Promise<readonly (Kept | null)[] | Lost>;
  /** False while it is lost, as of the last call. */
  readonly available: boolean;
  close(): Promise<void>;
}
