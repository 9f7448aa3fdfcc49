import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  AgentOutputService,
  type LeaseKey,
  type OutputFrame,
  type OutputMessage,
  type OutputMessageBody,
  type OutputReply,
  OutputStream,
  leaseKeyText,
} from '@fluxforge/agent-protocol';
import { Received } from './received.js';

export interface HeardOutput {
  key: string;
  token: string;
  body: Exclude<OutputMessageBody, { $case: 'open' }>;
}

type Push = ServerDuplexStream<OutputFrame, OutputReply>;

/** An API's output side: takes, acknowledges (or swallows), refuses tokens, drops connections. */
export class FakeOutput {
  readonly heard = new Received<HeardOutput>();
  acknowledging = true;
  refusedTokens = new Set<string>();
  address = '';
  private readonly server = new Server();
  private readonly pushes = new Set<Push>();

  async start(): Promise<void> {
    this.server.addService(AgentOutputService, { push: (push: Push) => this.onPush(push) });
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, actual) =>
        error === null ? resolve(actual) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.server.forceShutdown();
  }

  dropConnections(): void {
    for (const push of this.pushes) push.end();
    this.pushes.clear();
  }

  /** As a reader sees it: each seq once, in order. */
  stored(key: LeaseKey, stream: OutputStream): HeardOutput['body'][] {
    const bySeq = new Map<number, HeardOutput['body']>();
    for (const { key: text, body } of this.heard.all) {
      const part = partOf(body);
      if (text === leaseKeyText(key) && part.stream === stream) bySeq.set(part.seq, body);
    }
    return [...bySeq.entries()].sort(([left], [right]) => left - right).map(([, body]) => body);
  }

  bytes(key: LeaseKey, stream = OutputStream.STDOUT): Buffer {
    const chunks = this.stored(key, stream).flatMap((body) =>
      body.$case === 'chunk' ? [body.chunk.data] : [],
    );
    return Buffer.concat(chunks);
  }

  async end(key: LeaseKey, stream = OutputStream.STDOUT, withinMs?: number): Promise<HeardOutput['body']> {
    const { body } = await this.heard.first(
      `end of ${leaseKeyText(key)}`,
      (one) => one.key === leaseKeyText(key) && one.body.$case === 'end' && one.body.end.stream === stream,
      withinMs,
    );
    return body;
  }

  private onPush(push: Push): void {
    this.pushes.add(push);
    const channels = new Map<number, { key: string; token: string }>();
    push.on('data', ({ messages }: OutputFrame) => {
      const reply: OutputReply = { acks: [], refused: [] };
      for (const message of messages) this.onMessage(message, channels, reply);
      if (reply.acks.length + reply.refused.length > 0) push.write(reply);
    });
    push.on('error', () => this.pushes.delete(push));
    push.on('end', () => {
      this.pushes.delete(push);
      push.end();
    });
  }

  private onMessage(
    { channel, body }: OutputMessage,
    channels: Map<number, { key: string; token: string }>,
    reply: OutputReply,
  ): void {
    if (body?.$case === 'open') {
      const { key, token } = body.open;
      if (this.refusedTokens.has(token)) reply.refused.push({ channel, reason: 'token' });
      else if (key !== undefined) channels.set(channel, { key: leaseKeyText(key), token });
      return;
    }
    const opened = channels.get(channel);
    if (body === undefined || opened === undefined) return;
    this.heard.add({ ...opened, body });
    const { stream, seq } = partOf(body);
    if (this.acknowledging) reply.acks.push({ channel, stream, nextSeq: seq + 1 });
  }
}

function partOf(body: HeardOutput['body']): { stream: OutputStream; seq: number } {
  switch (body.$case) {
    case 'chunk':
      return body.chunk;
    case 'gap':
      return body.gap;
    case 'end':
      return body.end;
  }
}
