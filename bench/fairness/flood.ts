import { Worker } from 'node:worker_threads';

/** What floods: `perSecond` submissions in all, whatever the answers; 0: the next as soon as one is answered. */
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
  /** By the limit that the answer names. */
  readonly shed: Readonly<Record<string, number>>;
  /** Answered otherwise, or not at all. */
  readonly failed: number;
  readonly unsent: number;
}

/** In a thread of its own, so that who is measured does not wait for the flood's own work. */
export class Flood {
  private readonly worker: Worker;

  constructor(order: FloodOrder) {
    this.worker = new Worker(new URL('./flood-thread.js', import.meta.url), { workerData: order });
  }

  /** Ends it, and waits for the answers that are still to come. */
  stop(): Promise<Tally> {
    return new Promise((resolve, reject) => {
      this.worker.once('message', resolve);
      this.worker.once('error', reject);
      this.worker.postMessage('stop');
    });
  }
}
