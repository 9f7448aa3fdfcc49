import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  AgentControlService,
  type AgentFrame,
  type AgentMessageBody,
  type ControlFrame,
  type ControlMessageBody,
  type Hello,
  type Inventory,
  RefusedCode,
  controlFrame,
  ordersFrame,
} from '@fluxforge/agent-protocol';
import { Received } from './received.js';

export type Greeting =
  | { kind: 'welcome' }
  /** Assigned, but not leading: says nothing. */
  | { kind: 'hold' }
  | { kind: 'moved'; address: string; generation: number }
  | { kind: 'refused'; retry: boolean; message: string };

type Stream = ServerDuplexStream<AgentFrame, ControlFrame>;
export type Heard =
  AgentMessageBody | { $case: 'hello'; hello: Hello } | { $case: 'inventory'; inventory: Inventory };

/**
 * A dispatcher that does what the script says, over real gRPC. By itself it greets, asks for heartbeats,
 * grants what they list and acknowledges every report; each of these can be switched off.
 */
export class FakeDispatcher {
  readonly heard = new Received<Heard>();
  greeting: Greeting = { kind: 'welcome' };
  granting = true;
  /** Acknowledgements swallowed while false. */
  acknowledging = true;
  asking = true;
  epoch = 1;
  term = 1;
  leaseDurationMs = 3000;
  heartbeatIntervalMs = 200;
  address = '';
  private readonly server = new Server();
  private stream: Stream | undefined;
  private nonce = 0;
  private pulse: NodeJS.Timeout | undefined;

  async start(port = 0): Promise<void> {
    this.server.addService(AgentControlService, { connect: (stream: Stream) => this.connect(stream) });
    const bound = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
        error === null ? resolve(actual) : reject(error),
      );
    });
    this.address = `127.0.0.1:${bound}`;
    this.setPace(this.heartbeatIntervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.pulse);
    this.server.forceShutdown();
  }

  setPace(intervalMs: number): void {
    clearInterval(this.pulse);
    this.pulse = setInterval(() => {
      if (this.asking) this.order({ $case: 'heartbeatRequest', heartbeatRequest: { nonce: ++this.nonce } });
    }, intervalMs);
  }

  get isConnected(): boolean {
    return this.stream !== undefined;
  }

  /** As a new owner, or the same one after a new claim. */
  welcome(term = this.term): void {
    this.term = term;
    const { epoch, leaseDurationMs, heartbeatIntervalMs } = this;
    this.send(
      controlFrame({
        $case: 'welcome',
        welcome: { partition: 3, epoch, term, leaseDurationMs, heartbeatIntervalMs },
      }),
    );
  }

  order(...bodies: ControlMessageBody[]): void {
    this.orderUnder(this.term, ...bodies);
  }

  orderUnder(term: number, ...bodies: ControlMessageBody[]): void {
    this.send(ordersFrame({ epoch: this.epoch, term }, bodies));
  }

  disconnect(): void {
    this.stream?.end();
    this.stream = undefined;
  }

  messages<K extends Heard['$case']>(kind: K): Extract<Heard, { $case: K }>[] {
    return this.heard.all.filter((one): one is Extract<Heard, { $case: K }> => one.$case === kind);
  }

  async first<K extends Heard['$case']>(
    kind: K,
    fits: (message: Extract<Heard, { $case: K }>) => boolean = () => true,
    withinMs?: number,
  ): Promise<Extract<Heard, { $case: K }>> {
    const isIt = (one: Heard): one is Extract<Heard, { $case: K }> =>
      one.$case === kind && fits(one as Extract<Heard, { $case: K }>);
    return this.heard.first(kind, isIt, withinMs);
  }

  private send(frame: ControlFrame): void {
    this.stream?.write(frame);
  }

  private connect(stream: Stream): void {
    stream.on('data', (frame: AgentFrame) => this.onFrame(stream, frame));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      if (this.stream === stream) this.stream = undefined;
      stream.end();
    });
  }

  private onFrame(stream: Stream, { body }: AgentFrame): void {
    switch (body?.$case) {
      case 'hello':
        this.heard.add(body);
        return this.greet(stream);
      case 'inventory':
        this.stream = stream;
        this.heard.add(body);
        return;
      case 'messages':
        for (const message of body.messages.messages) {
          if (message.body !== undefined) this.onMessage(message.body);
        }
        return;
      case undefined:
    }
  }

  private greet(stream: Stream): void {
    const { greeting } = this;
    switch (greeting.kind) {
      case 'welcome':
        this.stream = stream;
        return this.welcome();
      case 'hold':
        this.stream = stream;
        return;
      case 'moved':
        stream.write(
          controlFrame({
            $case: 'moved',
            moved: { address: greeting.address, groupGeneration: greeting.generation },
          }),
        );
        return;
      case 'refused':
        stream.write(
          controlFrame({
            $case: 'refused',
            refused: { code: RefusedCode.UNAUTHENTICATED, message: greeting.message, retry: greeting.retry },
          }),
        );
    }
  }

  private onMessage(body: AgentMessageBody): void {
    this.heard.add(body);
    if (body.$case === 'heartbeat' && this.granting) {
      const { nonce } = body.heartbeat;
      this.order({ $case: 'grant', grant: { nonce, durationMs: this.leaseDurationMs } });
    }
    if (body.$case === 'result' && this.acknowledging) {
      this.order({ $case: 'reportAck', reportAck: { reportIds: [body.result.reportId] } });
    }
  }
}
