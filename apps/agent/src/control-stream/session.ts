import { type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import {
  AgentControlClient,
  type AgentFrame,
  type AgentMessageBody,
  type ControlFrame,
  FRAME_MESSAGES_LIMIT,
  type Hello,
  type Inventory,
  MAX_FRAME_BYTES,
  type Orders,
  type Welcome,
  agentFrame,
} from '@fluxforge/agent-protocol';

export interface SessionHandlers {
  /** Resolves with true once the term is on disk; false when it is lower than one seen before. */
  onWelcome(welcome: Welcome): Promise<boolean>;
  /** Asked in the moment that it is sent. */
  inventory(): Inventory;
  /** Behind the inventory: everything that is still unacknowledged. */
  onGreeted(): void;
  onOrders(orders: Orders): void;
}

export interface SessionSettings {
  /** For the first frame: a dispatcher that is assigned but does not lead yet holds the stream. */
  holdMs: number;
  minSilenceMs: number;
}

export const defaultSessionSettings: SessionSettings = { holdMs: 30_000, minSilenceMs: 3000 };

export type SessionEnd =
  | { kind: 'moved'; address: string; generation: number }
  | { kind: 'refused'; retry: boolean; reason: string }
  | { kind: 'lost'; reason: string };

const MAX_QUEUED_MESSAGES = 20_000;
const WATCH_EVERY_MS = 100;
const END_PATIENCE_MS = 300;

/**
 * One control stream:
 *   held (hello sent) -> live (welcomed, possibly again) -> ended
 * held: nothing may be sent. live: messages gather and leave as frames, in order. Either state ends by
 * the server's word (moved, refused), an error, or silence; `ended` resolves once and nothing follows.
 */
export class Session {
  readonly ended: Promise<SessionEnd>;
  private markEnded!: (end: SessionEnd) => void;
  private readonly client: AgentControlClient;
  private readonly call: ClientDuplexStream<AgentFrame, ControlFrame>;
  private readonly watch: NodeJS.Timeout;
  private live = false;
  private over = false;
  private queue: AgentMessageBody[] = [];
  private flushScheduled = false;
  private writable = true;
  private heardAtMs = performance.now();
  private silenceMs: number;

  constructor(
    readonly address: string,
    hello: Hello,
    private readonly handlers: SessionHandlers,
    private readonly settings: SessionSettings = defaultSessionSettings,
  ) {
    this.ended = new Promise((resolve) => {
      this.markEnded = resolve;
    });
    this.silenceMs = settings.holdMs;
    this.client = new AgentControlClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_FRAME_BYTES,
      'grpc.max_send_message_length': MAX_FRAME_BYTES,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5000,
    });
    this.call = this.client.connect();
    this.listen();
    this.call.write({ body: { $case: 'hello', hello } });
    this.watch = setInterval(() => this.checkSilence(), WATCH_EVERY_MS);
  }

  /** Dropped while not live: the inventory that opens the next session, and what follows it, say the same. */
  send(body: AgentMessageBody): void {
    if (!this.live || this.over) return;
    this.queue.push(body);
    if (this.queue.length > MAX_QUEUED_MESSAGES)
      return this.end({ kind: 'lost', reason: 'server takes nothing' });
    this.flushSoon();
  }

  get isLive(): boolean {
    return this.live && !this.over;
  }

  /** Lets the queue leave before it closes. */
  async close(withinMs: number): Promise<void> {
    const endsAtMs = performance.now() + withinMs;
    while (this.queue.length > 0 && !this.over && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!this.over) this.call.end();
    // Cancelling at once would throw away what gRPC still holds; the server ends its side when it has read.
    const patience = new Promise((resolve) => setTimeout(resolve, Math.min(withinMs, END_PATIENCE_MS)));
    await Promise.race([this.ended, patience]);
    this.end({ kind: 'lost', reason: 'closed by the agent' });
  }

  private listen(): void {
    this.call.on('data', (frame: ControlFrame) => this.onFrame(frame));
    this.call.on('drain', () => {
      this.writable = true;
      this.flush();
    });
    this.call.on('error', (error: Error) => this.end({ kind: 'lost', reason: error.message }));
    this.call.on('end', () => this.end({ kind: 'lost', reason: 'ended by the server' }));
  }

  private onFrame({ body }: ControlFrame): void {
    if (this.over) return;
    this.heardAtMs = performance.now();
    switch (body?.$case) {
      case 'welcome':
        return this.greet(body.welcome);
      case 'orders':
        if (this.live) return this.handlers.onOrders(body.orders);
        return this.end({ kind: 'lost', reason: 'orders before a welcome' });
      case 'moved':
        return this.end({
          kind: 'moved',
          address: body.moved.address,
          generation: body.moved.groupGeneration,
        });
      case 'refused': {
        const { code, message, retry } = body.refused;
        return this.end({ kind: 'refused', retry, reason: `${code}: ${message}` });
      }
      case undefined:
      // A frame of a newer server: heard, and not understood.
    }
  }

  /** No further frame is read until the term is on disk and the inventory is on its way. */
  private greet(welcome: Welcome): void {
    this.call.pause();
    this.handlers
      .onWelcome(welcome)
      .then((isAccepted) => {
        if (this.over) return;
        if (!isAccepted) return this.end({ kind: 'lost', reason: 'greeted with a lower term' });
        this.silenceMs = Math.max(this.settings.minSilenceMs, 3 * welcome.heartbeatIntervalMs);
        this.flush();
        this.live = true;
        this.write({ body: { $case: 'inventory', inventory: this.handlers.inventory() } });
        this.handlers.onGreeted();
        this.call.resume();
      })
      .catch((error: unknown) => {
        this.end({ kind: 'lost', reason: `could not answer a greeting: ${String(error)}` });
      });
  }

  private flushSoon(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    // After the present turn of the loop: what one commit or one frame brought about leaves together.
    setImmediate(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    while (this.queue.length > 0 && this.writable && !this.over) {
      this.write(agentFrame(this.queue.splice(0, FRAME_MESSAGES_LIMIT)));
    }
  }

  private write(frame: AgentFrame): void {
    this.writable = this.call.write(frame);
  }

  private checkSilence(): void {
    if (performance.now() - this.heardAtMs <= this.silenceMs) return;
    this.end({ kind: 'lost', reason: `no frame from the server for ${this.silenceMs} ms` });
  }

  private end(end: SessionEnd): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.watch);
    this.queue = [];
    this.call.cancel();
    this.client.close();
    this.markEnded(end);
  }
}
