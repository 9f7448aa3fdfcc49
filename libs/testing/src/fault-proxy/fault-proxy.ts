import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Counters, type Flow, type Flows, ProxiedConnection } from './proxied-connection.js';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

const HOST = '127.0.0.1';
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
  private port = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: ProxyTarget,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  static async start(target: ProxyTarget): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, target);
    await proxy.listen();
    return proxy;
  }

  get address(): ProxyTarget {
    return { host: HOST, port: this.port };
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

  /** Nobody listens any more, and open connections are reset: what a dead process looks like. */
  refuse(): void {
    this.server.close();
    this.reset();
  }

  /** Everything passes again, on the same port; what was held goes on, what was eaten stays lost. */
  async heal(): Promise<void> {
    this.flows = HEALTHY;
    for (const connection of this.connections) connection.letGo();
    if (!this.server.listening) await this.listen();
  }

  async close(): Promise<void> {
    this.refuse();
    while (this.connections.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  private async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, HOST, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  private accept(client: Socket): void {
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
