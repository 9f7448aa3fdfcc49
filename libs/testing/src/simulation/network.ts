import { type Down, type Up } from './messages.js';
import { type Prng } from './prng.js';
import { type Process } from './process.js';
import { type NetworkFaults } from './scenario.js';
import { type Timeline } from './timeline.js';

export interface Server {
  readonly process: Process;
  receive(connection: Connection, message: Up): void;
  disconnected(connection: Connection): void;
}

export interface Client {
  readonly name: string;
  readonly process: Process;
  receive(connection: Connection, message: Down): void;
  disconnected(connection: Connection): void;
}

type Direction = 'up' | 'down';

/** A stream between an agent and a dispatcher. Without reordering each direction keeps its order, as TCP does. */
export class Connection {
  open = true;
  readonly lastMs: Record<Direction, number> = { up: 0, down: 0 };

  constructor(
    private readonly network: Network,
    readonly client: Client,
    readonly server: Server,
  ) {}

  up(message: Up): void {
    this.network.send(this, 'up', () =>
      this.server.process.enter(() => this.open && this.server.receive(this, message)),
    );
  }

  down(message: Down): void {
    this.network.send(this, 'down', () =>
      this.client.process.enter(() => this.open && this.client.receive(this, message)),
    );
  }

  /** Either side ends it; both hear of it, unless they cannot be reached. */
  close(): void {
    if (!this.open) return;
    this.network.send(
      this,
      'up',
      () => this.server.process.enter(() => this.server.disconnected(this)),
      true,
    );
    this.network.send(
      this,
      'down',
      () => this.client.process.enter(() => this.client.disconnected(this)),
      true,
    );
    this.open = false;
  }
}

/** The network between agents and dispatchers: it drops, repeats, delays, and is cut in one direction or both. */
export class Network {
  private readonly cuts = new Map<string, Set<Direction>>();
  private faults: NetworkFaults;
  dropped = 0;

  constructor(
    private readonly timeline: Timeline,
    private readonly prng: Prng,
    faults: NetworkFaults,
  ) {
    this.faults = faults;
  }

  connect(client: Client, server: Server): Connection {
    return new Connection(this, client, server);
  }

  cut(agent: string, directions: readonly Direction[]): void {
    this.cuts.set(agent, new Set(directions));
  }

  mend(agent: string): void {
    this.cuts.delete(agent);
  }

  heal(): void {
    this.cuts.clear();
    this.faults = { drop: 0, duplicate: 0, meanDelayMs: 2, reorder: false, cutEveryMs: Infinity };
  }

  send(connection: Connection, direction: Direction, deliver: () => void, isClose = false): void {
    if (!connection.open) return;
    const { prng, faults } = this;
    if (this.cuts.get(connection.client.name)?.has(direction) || (!isClose && prng.chance(faults.drop))) {
      this.dropped += 1;
      return;
    }
    this.deliverLater(connection, direction, deliver);
    if (!isClose && prng.chance(faults.duplicate)) this.deliverLater(connection, direction, deliver);
  }

  private deliverLater(connection: Connection, direction: Direction, deliver: () => void): void {
    const { nowMs } = this.timeline;
    let atMs = nowMs + 1 + this.prng.spread(this.faults.meanDelayMs);
    if (!this.faults.reorder) {
      // A millisecond apart, or the random tie would swap them.
      atMs = Math.max(atMs, connection.lastMs[direction] + 1);
      connection.lastMs[direction] = atMs;
    }
    this.timeline.after(atMs - nowMs, direction, deliver);
  }
}
