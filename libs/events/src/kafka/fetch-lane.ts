import { ReadError } from '../log/index.js';
import { type BrokerConnection } from './broker-connection.js';
import { Deadline } from './deadline.js';
import { type Claim } from './followed-partition.js';
import { type FetchAnswer, fetchRequest } from './protocol.js';
import { batchOf } from './reader.js';

const MAX_PARTITION_BYTES = 512 * 1024;
const MAX_FETCH_BYTES = 4 * 1024 * 1024;
/** How long after its own wait a fetch may take before the connection is given up. */
const GRACE_MS = 3_000;
const CONNECT_TIMEOUT_MS = 3_000;

/** What a lane needs of the tail that it works for. */
export interface LaneOwner {
  connect(deadline: Deadline): Promise<BrokerConnection>;
  /** The next fetch of this lane, or undefined when it has nothing to do. */
  nextFetch(lane: FetchLane, again: boolean): { claims: readonly Claim[]; maxWaitMs: number } | undefined;
  /** The broker does not answer, or does not lead the partition. */
  onUnavailable(claim: Claim): void;
  onIdle(): void;
}

/**
 * A connection of its own and one fetch at a time on it: idle -> fetching -> idle. A fetch waits at the
 * broker until one of its partitions has something, and nothing else gets through the connection meanwhile.
 */
export class FetchLane {
  private connection?: BrokerConnection;
  private closed = false;
  busy = false;
  /** When the fetch under way comes back if there is no news, on the monotonic clock. */
  dueMs = 0;

  constructor(private readonly owner: LaneOwner) {}

  wake(): void {
    if (!this.busy && !this.closed) void this.run();
  }

  close(): void {
    this.closed = true;
    this.connection?.destroy();
  }

  private async run(): Promise<void> {
    this.busy = true;
    let fetch = this.owner.nextFetch(this, false);
    while (fetch && !this.closed) {
      await this.fetch(fetch.claims, fetch.maxWaitMs);
      if (this.closed) break;
      fetch = this.owner.nextFetch(this, true);
    }
    this.busy = false;
    if (!this.closed) this.owner.onIdle();
  }

  private async fetch(claims: readonly Claim[], maxWaitMs: number): Promise<void> {
    this.dueMs = performance.now() + maxWaitMs;
    try {
      if (!this.connection?.usable) {
        this.connection = await this.owner.connect(new Deadline(CONNECT_TIMEOUT_MS));
        if (this.closed) return this.connection.destroy();
      }
      const partitions = claims.map(({ partition, from }) => ({
        ...partition.tp,
        offset: from,
        maxBytes: MAX_PARTITION_BYTES,
      }));
      const request = fetchRequest(partitions, maxWaitMs, MAX_FETCH_BYTES);
      this.settle(claims, await this.connection.send(request, maxWaitMs + GRACE_MS));
    } catch (cause: unknown) {
      if (this.closed) return;
      const why = cause instanceof Error ? cause.message : String(cause);
      for (const claim of claims) this.fail(claim, new ReadError('unavailable', why, { cause }));
    }
  }

  private settle(claims: readonly Claim[], answer: FetchAnswer): void {
    if (this.closed) return;
    const byKey = new Map(answer.partitions.map((p) => [`${p.topic}/${p.partition}`, p]));
    for (const claim of claims) {
      const { topic, partition } = claim.partition.tp;
      const fetched = byKey.get(`${topic}/${partition}`);
      try {
        if (!fetched) throw new ReadError('unavailable', `the fetch answered error ${answer.errorCode}`);
        claim.partition.fetched(claim, batchOf(fetched, claim.from));
      } catch (error: unknown) {
        if (!(error instanceof ReadError)) throw error;
        this.fail(claim, error);
      }
    }
  }

  private fail(claim: Claim, error: ReadError): void {
    if (error.failure === 'unavailable') this.owner.onUnavailable(claim);
    claim.partition.failed(claim, error);
  }
}
