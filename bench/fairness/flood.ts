import { Worker } from 'node:worker_threads';
import { type Kind } from './mix.js';

/** What floods: `perSecond` requests in all, whatever the answers; 0: the next as soon as one is answered. */
export interface FloodOrder {
  readonly url: string;
  readonly keys: readonly string[];
  readonly perSecond: number;
  /** Of each tenant. What is due beyond it is not sent, and counted. */
  readonly maxInFlight: number;
}

export interface Tally {
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  /** Of the accepted. */
  readonly byKind: Readonly<Record<Kind, number>>;
  /** Answered with another 4xx, by its code: as by a cancel that comes too late. */
  readonly refused: Readonly<Record<string, number>>;
  /** By the limit that the answer names. */
  readonly shed: Readonly<Record<string, number>>;
  /** Answered otherwise, or not at all. */
  readonly failed: number;
  readonly unsent: number;
}

export type Order = 'tally' | 'stop';

/** In a thread of its own, so that who is measured does not wait for the flood's own work. */
export class Flood {
  private readonly worker: Worker;

  constructor(order: FloodOrder) {
    this.worker = new Worker(new URL('./flood-thread.js', import.meta.url), { workerData: order });
  }

  /** What there was since it began or was asked last; it goes on. */
  tally(): Promise<Tally> {
    return this.ask('tally');
  }

  /** Ends it, and waits for the answers that are still to come. */
  stop(): Promise<Tally> {
    return this.ask('stop');
  }

  private ask(what: Order): Promise<Tally> {
    return new Promise((resolve, reject) => {
      this.worker.once('message', resolve);
      this.worker.once('error', reject);
      this.worker.postMessage(what);
    });
  }
}
