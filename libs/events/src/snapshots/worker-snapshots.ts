import { Worker } from 'node:worker_threads';
import { type ContextName } from '@fluxforge/events/catalogue';
import { type Snapshot } from '@fluxforge/events/partition-host';
import { type Logger, type Metrics } from '@fluxforge/telemetry';
import { type LoaderOptions, type OffsetRange, type SnapshotLoader } from './loader.js';
import { type KeeperNews, type KeeperOrder, type SnapshotOutcome } from './news.js';

/** What a process that leads partitions has to do with snapshots. */
export interface Snapshots {
  /** For a takeover. Null: the log is read from its start. */
  load(partition: number): Promise<Snapshot | null>;
  /** For a state of the past: the newest that ends there. */
  past(partition: number, within: OffsetRange): Promise<Snapshot | null>;
  leading(partition: number): void;
  fallen(partition: number): void;
  close(): Promise<void>;
}

/** For a process that has nowhere to keep any. */
export const noSnapshots: Snapshots = {
  load: async () => null,
  past: async () => null,
  leading: () => undefined,
  fallen: () => undefined,
  close: async () => undefined,
};

export interface WorkerSnapshotsParts {
  readonly context: ContextName;
  /** The compiled entry file of the keeper's thread. */
  readonly entry: URL;
  readonly loader: SnapshotLoader;
  readonly closeStores: () => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** From the first leading until the thread is started. */
  readonly firstRestMs?: number;
}

/** A takeover has the machine to itself: no snapshot is worth a second of it. */
const defaultFirstRestMs = 2_000;
const restartMinMs = 1_000;
const restartMaxMs = 60_000;
const stopDeadlineMs = 2_000;

/**
 * The owner's side of the keeper's thread: it says which partitions are led, passes on what the keeper has
 * to tell, and starts it anew when it dies. The thread can be lost at any time; that costs recovery time only.
 *
 *   idle -> (a partition is led) resting -> running -> (thread ends) resting, longer each time.   Any -> closed.
 */
export class WorkerSnapshots implements Snapshots {
  private readonly led = new Set<number>();
  private worker: Worker | null = null;
  private resting: NodeJS.Timeout | null = null;
  private deaths = 0;
  private closed = false;

  constructor(private readonly parts: WorkerSnapshotsParts) {}

  async load(partition: number): Promise<Snapshot | null> {
    const startedMs = performance.now();
    const loaded = await this.parts.loader.load(partition);
    this.count(loaded ? 'loaded' : 'absent');
    if (!loaded) return null;
    const { store, snapshot } = loaded;
    const tookMs = Math.round(performance.now() - startedMs);
    const detail = { partition, store, next: snapshot.position.next, chars: snapshot.state.length, tookMs };
    this.parts.logger.info({ context: this.parts.context, ...detail }, 'snapshot loaded');
    return snapshot;
  }

  async past(partition: number, within: OffsetRange): Promise<Snapshot | null> {
    return (await this.parts.loader.load(partition, within))?.snapshot ?? null;
  }

  leading(partition: number): void {
    this.led.add(partition);
    if (this.worker === null && this.resting === null)
      this.rest(this.parts.firstRestMs ?? defaultFirstRestMs);
    this.order();
  }

  fallen(partition: number): void {
    if (this.led.delete(partition)) this.order();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.resting) clearTimeout(this.resting);
    const { worker } = this;
    if (worker) {
      const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      const timer = setTimeout(() => void worker.terminate(), stopDeadlineMs);
      this.send({ kind: 'stop' });
      await gone;
      clearTimeout(timer);
    }
    await this.parts.closeStores();
  }

  private rest(waitMs: number): void {
    this.resting = setTimeout(() => this.run(), waitMs);
    this.resting.unref();
  }

  private run(): void {
    this.resting = null;
    const worker = new Worker(this.parts.entry);
    this.worker = worker;
    worker.on('message', (news: KeeperNews) => this.hear(news));
    // An error ends the thread: `exit` follows.
    worker.on('error', (error: unknown) =>
      this.parts.logger.warn({ context: this.parts.context, err: error }, 'snapshot thread failed'),
    );
    worker.on('exit', () => this.ended());
    this.order();
  }

  private ended(): void {
    this.worker = null;
    if (this.closed) return;
    this.count('failed');
    const waitMs = Math.min(restartMaxMs, restartMinMs * 2 ** Math.min(this.deaths, 16));
    this.deaths += 1;
    this.parts.logger.warn({ context: this.parts.context, waitMs }, 'snapshot thread ended, starting anew');
    this.rest(waitMs);
  }

  private hear(news: KeeperNews): void {
    if (news.kind === 'outcome') {
      if (news.outcome === 'made') this.deaths = 0;
      return this.count(news.outcome);
    }
    this.parts.logger[news.level]({ context: this.parts.context, ...news.detail }, news.message);
  }

  private order(): void {
    this.send({ kind: 'lead', partitions: [...this.led] });
  }

  private send(order: KeeperOrder): void {
    this.worker?.postMessage(order);
  }

  private count(outcome: SnapshotOutcome): void {
    this.parts.metrics.add('fluxforge_snapshots_total', { context: this.parts.context, outcome });
  }
}

/** What a loader tells operators. */
export function loaderTelemetry(
  context: ContextName,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): Pick<LoaderOptions, 'onIgnored' | 'onStoreFailed'> {
  return {
    onIgnored: ({ partition }, ignored) => {
      metrics.add('fluxforge_snapshots_total', { context, outcome: `ignored_${ignored.because}` });
      logger.warn({ context, partition, ...ignored }, 'snapshot ignored');
    },
    onStoreFailed: ({ partition }, store, error) =>
      logger.warn({ context, partition, store, err: error }, 'snapshots cannot be had from there'),
  };
}
