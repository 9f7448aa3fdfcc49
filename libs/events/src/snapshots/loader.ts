import { type ContextName } from '@fluxforge/events/catalogue';
import { recordHash, type Position } from '@fluxforge/events/journal';
import { ReadError, type LogPort } from '@fluxforge/events/log';
import { type Snapshot } from '@fluxforge/events/partition-host';
import { decodeSnapshot, type Manifest, type SnapshotOf, type SnapshotStore } from './stored-snapshot.js';

/** Why a snapshot that was found is not used. */
export type IgnoredBecause = 'unreadable' | 'other-shape' | 'other-log' | 'not-comparable';

export interface LoaderOptions {
  readonly context: ContextName;
  readonly shape: string;
  /** Full name of the context's events topic. */
  readonly eventsTopic: string;
  readonly onIgnored: (
    of: SnapshotOf,
    ignored: { readonly store: string; readonly next: number; readonly because: IgnoredBecause },
  ) => void;
  readonly onStoreFailed: (of: SnapshotOf, store: string, error: unknown) => void;
  /** For all stores to say what they have: a takeover waits no longer for one that is away. */
  readonly listTimeoutMs?: number;
  /** For one snapshot to be read whole: a store may answer each part of it just in time. */
  readonly readTimeoutMs?: number;
}

export interface Loaded {
  readonly snapshot: Snapshot;
  readonly store: SnapshotStore['name'];
}

/** Offsets of the own log, both included: where a snapshot may end that is of use. */
export interface OffsetRange {
  readonly lowest: number;
  readonly highest: number;
}

interface Candidate {
  readonly store: SnapshotStore;
  readonly manifest: Manifest;
}

const defaultListTimeoutMs = 1_000;
const defaultReadTimeoutMs = 15_000;
const compareTimeoutMs = 3_000;
const anywhere: OffsetRange = { lowest: 0, highest: Number.MAX_SAFE_INTEGER };
/** So many are read, each as large as a partition's state, before the log is taken to be the quicker way. */
const mostTries = 8;
/** Of one store: a file may be damaged or just gone, but each read of a store that hangs takes its whole deadline. */
const mostFailedReads = 2;

/**
 * Finds the snapshot that a takeover begins with, or an answer about the past: the newest that is readable, of this
 * shape, and that stands in this very log. Everything else is passed over, and said so: the log alone is enough.
 */
export class SnapshotLoader {
  constructor(
    private readonly log: LogPort,
    /** Of two that hold equally new ones the first is asked first. */
    private readonly stores: readonly SnapshotStore[],
    private readonly options: LoaderOptions,
  ) {}

  async load(partition: number, within: OffsetRange = anywhere): Promise<Loaded | null> {
    const of = { context: this.options.context, partition };
    let tries = 0;
    const saidOfShape = new Set<SnapshotStore['name']>();
    const failures = new Map<SnapshotStore, number>();
    for (const candidate of await this.candidates(of, within)) {
      const { store, manifest } = candidate;
      if ((failures.get(store) ?? 0) >= mostFailedReads) continue;
      const ignored = (because: IgnoredBecause): void =>
        this.options.onIgnored(of, { store: store.name, next: manifest.next, because });
      if (manifest.shape !== this.options.shape) {
        // One line says it: behind another version's newest come all that it has kept.
        if (!saidOfShape.has(store.name)) ignored('other-shape');
        saidOfShape.add(store.name);
        continue;
      }
      if (tries === mostTries) break;
      tries += 1;
      const payload = await this.read(of, candidate);
      if (!payload) failures.set(store, (failures.get(store) ?? 0) + 1);
      const found = payload ? await this.judge(of, manifest, payload) : 'unreadable';
      if (typeof found === 'object') return { snapshot: found, store: store.name };
      ignored(found);
    }
    return null;
  }

  private async candidates(of: SnapshotOf, { lowest, highest }: OffsetRange): Promise<Candidate[]> {
    const listed = this.stores.map(async (store) => {
      try {
        const manifests = await inTime(
          store.list(of),
          this.options.listTimeoutMs ?? defaultListTimeoutMs,
          store.name,
        );
        const fit = manifests.filter(({ next }) => next >= lowest && next <= highest);
        return fit.map((manifest) => ({ store, manifest }));
      } catch (error: unknown) {
        this.options.onStoreFailed(of, store.name, error);
        return [];
      }
    });
    // The sort is stable, so equally new ones stay in the order of the stores.
    return (await Promise.all(listed)).flat().sort((a, b) => b.manifest.next - a.manifest.next);
  }

  private async read(of: SnapshotOf, { store, manifest }: Candidate): Promise<Buffer | null> {
    try {
      const { readTimeoutMs = defaultReadTimeoutMs } = this.options;
      return await inTime(store.read(of, manifest), readTimeoutMs, store.name);
    } catch (error: unknown) {
      this.options.onStoreFailed(of, store.name, error);
      return null;
    }
  }

  private async judge(
    of: SnapshotOf,
    manifest: Manifest,
    payload: Buffer,
  ): Promise<Snapshot | IgnoredBecause> {
    const snapshot = decodeSnapshot(manifest, payload);
    if (!snapshot) return 'unreadable';
    return (await this.standsInLog(of, snapshot.position)) ?? snapshot;
  }

  /**
   * A snapshot stands right behind an accepted event, so the record before its position must have the hash
   * that the position names. Null: it has.
   */
  private async standsInLog(of: SnapshotOf, position: Position): Promise<IgnoredBecause | null> {
    const tp = { topic: this.options.eventsTopic, partition: of.partition };
    const at = position.next - 1;
    try {
      const { records } = await this.log.read(tp, at, { maxBytes: 1, timeoutMs: compareTimeoutMs });
      const record = records[0];
      const isSame = record?.offset === at && recordHash(record) === position.hash;
      return isSame ? null : 'other-log';
    } catch (error: unknown) {
      // Beyond the end: the log was truncated or made anew. An unreachable log is no proof of anything.
      return error instanceof ReadError && error.failure === 'out-of-range' ? 'other-log' : 'not-comparable';
    }
  }
}

async function inTime<T>(work: Promise<T>, timeoutMs: number, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
