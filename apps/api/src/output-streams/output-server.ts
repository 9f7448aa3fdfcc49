import { once } from 'node:events';
import { Server, ServerCredentials, status, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  AgentOutputService,
  MAX_FRAME_BYTES,
  type AgentOutputServer,
  type ChannelRefused,
  type OutputFrame,
  type OutputReply,
} from '@fluxforge/agent-protocol';
import { AppendError } from '@fluxforge/events/log';
import { type Logger, type Metrics } from '@fluxforge/telemetry';
import { Channels, type Piece } from './channels.js';
import { type OutputSink } from './output-sink.js';

type Call = ServerDuplexStream<OutputFrame, OutputReply>;

export interface OutputServerOptions {
  readonly signingKey: string;
  readonly nowMs: () => number;
}

/** Streams beyond this are refused: each holds a frame or two in memory. */
const maxStreams = 2_000;
/** A connection that shows no valid lease by then is closed. */
const provenWithinMs = 10_000;
/** An agent that does not read its acknowledgements is not read from either, and then cut off. */
const drainWithinMs = 30_000;
const stopWithinMs = 3_000;

/**
 * Takes the output of agents. One frame at a time per stream: read, written to the log, acknowledged. That
 * is the back-pressure: an agent is read no faster than its output becomes durable. What fails ends the
 * stream; the agent comes back and sends again what was not acknowledged.
 */
export class OutputServer {
  private readonly server = new Server({
    'grpc.max_receive_message_length': MAX_FRAME_BYTES,
    'grpc.max_concurrent_streams': 16,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  private streams = 0;

  constructor(
    private readonly sink: OutputSink,
    private readonly options: OutputServerOptions,
    private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {
    const implementation: AgentOutputServer = { push: (call) => void this.serve(call) };
    this.server.addService(AgentOutputService, implementation);
  }

  /** The bound port. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number> {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`${host}:${address.port}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.server.forceShutdown();
        resolve();
      }, stopWithinMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private async serve(call: Call): Promise<void> {
    // Without a listener an error of the transport would end the process.
    call.on('error', () => {});
    if (this.streams >= maxStreams) return fail(call, status.RESOURCE_EXHAUSTED, 'too many streams');
    this.streams++;
    const channels = new Channels(this.options.signingKey, this.options.nowMs);
    const unproven = setTimeout(() => {
      if (!channels.proven) fail(call, status.UNAUTHENTICATED, 'no valid lease was shown');
    }, provenWithinMs);
    try {
      // Not destroyed when a frame fails: the agent must still be told why its stream ends.
      const frames = call.iterator({ destroyOnReturn: false }) as AsyncIterable<OutputFrame>;
      for await (const frame of frames) await this.onFrame(call, channels, frame);
      call.end();
    } catch (error: unknown) {
      this.onFailure(call, error);
    } finally {
      clearTimeout(unproven);
      this.streams--;
    }
  }

  private async onFrame(call: Call, channels: Channels, frame: OutputFrame): Promise<void> {
    const pieces: Piece[] = [];
    const refused = new Map<number, ChannelRefused>();
    for (const message of frame.messages) {
      const taken = channels.take(message);
      if (taken.kind === 'piece') pieces.push(taken.piece);
      if (taken.kind === 'refused' && !refused.has(message.channel)) {
        refused.set(message.channel, { channel: message.channel, reason: taken.reason });
      }
    }
    await this.sink.write(pieces.map((piece) => piece.chunk));
    this.count(pieces);
    if (pieces.length === 0 && refused.size === 0) return;
    const reply = { acks: acksOf(pieces), refused: [...refused.values()] };
    if (!call.write(reply)) await once(call, 'drain', { signal: AbortSignal.timeout(drainWithinMs) });
  }

  private count(pieces: readonly Piece[]): void {
    const bytes = pieces.reduce((sum, { chunk }) => sum + Math.floor(chunk.data_base64.length * 0.75), 0);
    if (bytes > 0) this.metrics.add('fluxforge_output_bytes_total', {}, bytes);
  }

  private onFailure(call: Call, error: unknown): void {
    if (call.cancelled) return;
    const expected = error instanceof AppendError;
    this.logger[expected ? 'warn' : 'error']({ err: error }, 'an output stream ends');
    fail(call, expected ? status.UNAVAILABLE : status.INTERNAL, 'send again what was not acknowledged');
  }
}

function acksOf(pieces: readonly Piece[]): OutputReply['acks'] {
  const last = new Map<string, OutputReply['acks'][number]>();
  for (const { channel, stream, nextSeq } of pieces) {
    const key = `${channel}/${stream}`;
    const known = last.get(key);
    if (!known || known.nextSeq < nextSeq) last.set(key, { channel, stream, nextSeq });
  }
  return [...last.values()];
}

function fail(call: Call, code: status, details: string): void {
  call.emit('error', { code, details });
}
