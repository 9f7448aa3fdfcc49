import { type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import {
  AgentOutputClient,
  MAX_FRAME_BYTES,
  type OutputFrame,
  type OutputMessage,
  type OutputReply,
} from '@fluxforge/agent-protocol';

export interface LinkEvents {
  onReply(reply: OutputReply): void;
  onWritable(): void;
  onClosed(reason: string): void;
}

/** One gRPC stream to an API server. Closes once, says so once. */
export class OutputLink {
  writable = true;
  private readonly client: AgentOutputClient;
  private readonly call: ClientDuplexStream<OutputFrame, OutputReply>;
  private closed = false;

  constructor(
    address: string,
    private readonly events: LinkEvents,
  ) {
    this.client = new AgentOutputClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_FRAME_BYTES,
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 5000,
    });
    this.call = this.client.push();
    this.call.on('data', (reply: OutputReply) => events.onReply(reply));
    this.call.on('drain', () => {
      this.writable = true;
      events.onWritable();
    });
    this.call.on('error', (error: Error) => this.finish(error.message));
    this.call.on('end', () => this.finish('ended by the server'));
  }

  write(messages: OutputMessage[]): void {
    this.writable = this.call.write({ messages });
  }

  close(): void {
    if (!this.closed) this.call.end();
    this.finish('closed');
  }

  private finish(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.call.cancel();
    this.client.close();
    this.events.onClosed(reason);
  }
}
