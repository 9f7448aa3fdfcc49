import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Counters, type Flow, type Flows, ProxiedConnection } from './proxied-connection.js';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

const PASS: Flow = { kind: 'pass' };
const HEALTHY: Flows = { up: PASS, down: PASS, delayMs: 0 };

/**
 * A TCP proxy on 127.0.0.1 that breaks the connections that go through it, in ways that a network or a
 * dying server does. A fault holds for all connections, open and new ones, until `heal`.
 */
export class FaultProxy {
  private readonly connections = new Set<ProxiedConnection>();
  private readonly counters: Counters = { bytesUp: 0, bytesDown: 0 };
  private flows = HEALTHY;
  private refusing = false;

  private constructor(
    private readonly server: Server,
    private readonly target: ProxyTarget,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  static async start(target: ProxyTarget): Promise<FaultProxy> {
    const server = createServer({ pauseOnConnect: false });
    const proxy = new FaultProxy(server, target);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get address(): ProxyTarget {
    return { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  get bytesUp(): number {
    return this.counters.bytesUp;
  }

  get bytesDown(): number {
    return this.counters.bytesDown;
  }

  get openConnections(): number {
    return this.connections.size;
  }

  /** Requests get through and are served; their answers vanish. */
  eatReplies(): void {
    this.flows = { ...this.flows, down: { kind: 'eat' } };
  }

  /** Requests wait in the proxy, also when their client gives up, until `letGo` or `heal` sends them on. */
  holdRequests(): void {
    this.flows = { ...this.flows, up: { kind: 'hold' } };
  }

  /** Held requests go on to the server; later ones pass. */
  letGo(): void {
    this.flows = { ...this.flows, up: PASS };
    for (const connection of this.connections) connection.letGo();
  }

  /** Connections stay open, new ones are accepted, and nothing comes through in either direction. */
  blackhole(): void {
    this.flows = { ...this.flows, up: { kind: 'eat' }, down: { kind: 'eat' } };
  }

  delay(delayMs: number): void {
    this.flows = { ...this.flows, delayMs };
  }

  /** Each request chunk is sent on as `change` makes it: twice, for instance. */
  changeRequests(change: (chunk: Buffer) => Buffer): void {
    this.flows = { ...this.flows, up: { kind: 'change', change } };
  }

  changeReplies(change: (chunk: Buffer) => Buffer): void {
    this.flows = { ...this.flows, down: { kind: 'change', change } };
  }

  /** Ends all open connections in good order. */
  cut(): void {
    for (const connection of this.connections) connection.cut();
  }

  /** Resets all open connections. */
  reset(): void {
    for (const connection of this.connections) connection.reset();
  }

  /** As if nobody listened: open connections are reset, and new ones as soon as they are made. */
  refuse(): void {
    this.refusing = true;
    this.reset();
  }

  /** Everything passes again; what was held goes on, what was eaten stays lost. */
  heal(): void {
    this.refusing = false;
    this.flows = HEALTHY;
    for (const connection of this.connections) connection.letGo();
  }

  async close(): Promise<void> {
    this.refuse();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(client: Socket): void {
    if (this.refusing) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const connection: ProxiedConnection = new ProxiedConnection(
      client,
      this.target,
      () => this.flows,
      this.counters,
      () => this.connections.delete(connection),
    );
    this.connections.add(connection);
  }
}
