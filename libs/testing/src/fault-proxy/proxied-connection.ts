import { connect, type Socket } from 'node:net';

/** What a proxy does to the bytes of one direction. `change` answers what goes on instead of a chunk. */
export type Flow =
  | { readonly kind: 'pass' }
  | { readonly kind: 'eat' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'change'; readonly change: (chunk: Buffer) => Buffer };

export interface Flows {
  readonly up: Flow;
  readonly down: Flow;
  /** Added to each chunk, in both directions; order is kept. */
  readonly delayMs: number;
}

export interface Counters {
  bytesUp: number;
  bytesDown: number;
}

/** What is held for a client may be this much; beyond it the connection is reset. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const REPLY_GRACE_MS = 2_000;

/**
 * A client's connection and the one to the server behind it. Requests that are held are not lost when the
 * client gives up: they reach the server when they are let go. That is what makes a late write.
 */
export class ProxiedConnection {
  private readonly server: Socket;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private clientGone = false;

  constructor(
    private readonly client: Socket,
    upstream: { readonly host: string; readonly port: number },
    private readonly flows: () => Flows,
    private readonly counters: Counters,
    private readonly onClosed: () => void,
  ) {
    this.server = connect(upstream).setNoDelay(true);
    client.setNoDelay(true);
    client.on('data', (chunk: Buffer) => this.onRequest(chunk));
    this.server.on('data', (chunk: Buffer) => this.onReply(chunk));
    client.on('error', () => client.destroy());
    client.on('close', () => this.clientClosed());
    this.server.on('error', () => this.server.destroy());
    this.server.on('close', () => {
      client.end();
      this.onClosed();
    });
  }

  letGo(): void {
    for (const chunk of this.held) this.server.write(chunk);
    this.held = [];
    this.heldBytes = 0;
    if (this.clientGone) this.endAfterReply();
  }

  /** An orderly end, as of a server that stops. */
  cut(): void {
    this.client.end();
    this.server.destroy();
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.server.destroy();
  }

  private onRequest(chunk: Buffer): void {
    this.counters.bytesUp += chunk.length;
    const { up, delayMs } = this.flows();
    // What comes after something that is held must not overtake it.
    const kind = this.held.length > 0 ? 'hold' : up.kind;
    if (kind === 'eat') return;
    if (kind === 'hold') return this.hold(chunk);
    send(this.server, up.kind === 'change' ? up.change(chunk) : chunk, delayMs);
  }

  private onReply(chunk: Buffer): void {
    const { down, delayMs } = this.flows();
    if (down.kind === 'eat' || down.kind === 'hold') return;
    this.counters.bytesDown += chunk.length;
    send(this.client, down.kind === 'change' ? down.change(chunk) : chunk, delayMs);
    if (this.client.writableNeedDrain) {
      this.server.pause();
      this.client.once('drain', () => this.server.resume());
    }
  }

  private hold(chunk: Buffer): void {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldBytes > MAX_HELD_BYTES) this.reset();
  }

  private clientClosed(): void {
    this.clientGone = true;
    if (this.held.length === 0) this.server.end();
  }

  /** A server that sees the end right behind a request may drop the request, and that is not the fault meant. */
  private endAfterReply(): void {
    const end = () => this.server.end();
    this.server.once('data', end);
    setTimeout(end, REPLY_GRACE_MS).unref();
  }
}

function send(to: Socket, chunk: Buffer, delayMs: number): void {
  const write = () => {
    if (to.writable) to.write(chunk);
  };
  // Timers of one length fire in the order they were set, so chunks stay in order.
  if (delayMs > 0) setTimeout(write, delayMs);
  else write();
}
