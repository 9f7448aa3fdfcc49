import { GapCause, OutputStream, type OutputMessage } from '@fluxforge/agent-protocol';
import { type OutputChunk } from '@fluxforge/events/catalogue';
import { verifyLease, type LeaseClaim } from '@fluxforge/events/lease-token';

/**
 * The channels of one connection. A channel: closed -> open (a lease token that verifies) -> done (both
 * streams ended). What comes on a channel that is not open is refused, once.
 */
interface Channel {
  readonly claim: LeaseClaim;
  readonly streams: Readonly<Record<StreamName, StreamState>>;
}

interface StreamState {
  bytes: number;
  cut: boolean;
  ended: boolean;
}

type StreamName = 'stdout' | 'stderr';

/** One piece to be written, with what is acknowledged when it is durable. */
export interface Piece {
  readonly chunk: OutputChunk;
  readonly channel: number;
  readonly stream: OutputStream;
  readonly nextSeq: number;
}

export type Taken =
  | { readonly kind: 'piece'; readonly piece: Piece }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'nothing' };

/** An agent has 1024 slots at most; ended channels make room. */
const maxChannels = 2048;
const maxChunkBytes = 128 * 1024;
/** The highest output limit a task can have, and room for what is sent again after a lost connection. */
const maxStreamBytes = 2 * 64 * 1024 * 1024;

export class Channels {
  private readonly open = new Map<number, Channel>();

  constructor(
    private readonly signingKey: string,
    private readonly nowMs: () => number,
  ) {}

  /** Whether anyone has shown a valid lease on this connection. */
  proven = false;

  take({ channel, body }: OutputMessage): Taken {
    switch (body?.$case) {
      case 'open':
        return this.openChannel(channel, body.open.token, body.open.key);
      case 'chunk':
        return this.piece(channel, body.chunk, { data: body.chunk.data });
      case 'gap':
        return this.piece(channel, body.gap, { gap: body.gap });
      case 'end':
        return this.piece(channel, body.end, { end: body.end });
      case undefined:
        return { kind: 'nothing' };
    }
  }

  private openChannel(
    channel: number,
    token: string,
    key: { taskId: string; life: number; attempt: number } | undefined,
  ): Taken {
    if (this.open.size >= maxChannels) return refused('too many channels');
    const verdict = verifyLease(token, this.signingKey, this.nowMs());
    if (verdict.kind !== 'valid') return refused(`the token is ${verdict.kind}`);
    const { claim } = verdict;
    if (!key || key.taskId !== claim.task_id || key.life !== claim.life || key.attempt !== claim.attempt) {
      return refused('the token is of another lease');
    }
    this.proven = true;
    this.open.set(channel, { claim, streams: { stdout: newStream(), stderr: newStream() } });
    return { kind: 'nothing' };
  }

  private piece(
    channelId: number,
    place: { stream: OutputStream; seq: number },
    what: {
      data?: Buffer;
      gap?: { bytes: number; cause: GapCause };
      end?: { totalBytes: number; sha256: Buffer };
    },
  ): Taken {
    const channel = this.open.get(channelId);
    const stream = nameOf(place.stream);
    if (!channel) return refused('the channel is not open');
    if (!stream || !isCount(place.seq)) return this.close(channelId, 'malformed');
    const state = channel.streams[stream];
    state.bytes += what.data?.length ?? 0;
    if ((what.data?.length ?? 0) > maxChunkBytes) return this.close(channelId, 'a chunk is too large');
    if (state.bytes > maxStreamBytes) return this.close(channelId, 'over the limit');
    if (what.gap?.cause === GapCause.LIMIT) state.cut = true;
    if (what.gap && !isCount(what.gap.bytes)) return this.close(channelId, 'malformed');
    if (what.end && !isEnd(what.end)) return this.close(channelId, 'malformed');
    const chunk: OutputChunk = {
      ...idsOf(channel.claim),
      stream,
      seq: place.seq,
      data_base64: what.data?.toString('base64') ?? '',
      gap_bytes: what.gap?.bytes ?? 0,
      ...(what.end ? { eof: eofOf(what.end, state.cut) } : {}),
    };
    if (what.end) this.ended(channelId, channel, state);
    const piece = { chunk, channel: channelId, stream: place.stream, nextSeq: place.seq + 1 };
    return { kind: 'piece', piece };
  }

  private ended(channelId: number, channel: Channel, state: StreamState): void {
    state.ended = true;
    if (channel.streams.stdout.ended && channel.streams.stderr.ended) this.open.delete(channelId);
  }

  private close(channelId: number, reason: string): Taken {
    this.open.delete(channelId);
    return refused(reason);
  }
}

function newStream(): StreamState {
  return { bytes: 0, cut: false, ended: false };
}

function refused(reason: string): Taken {
  return { kind: 'refused', reason };
}

function nameOf(stream: OutputStream): StreamName | null {
  if (stream === OutputStream.STDOUT) return 'stdout';
  return stream === OutputStream.STDERR ? 'stderr' : null;
}

function idsOf(claim: LeaseClaim) {
  const { tenant_id, task_id, life, attempt, agent_id } = claim;
  return { tenant_id, task_id, life, attempt, agent_id };
}

function eofOf(end: { totalBytes: number; sha256: Buffer }, truncated: boolean) {
  return { total_bytes: end.totalBytes, sha256: end.sha256.toString('hex'), truncated };
}

function isEnd(end: { totalBytes: number; sha256: Buffer }): boolean {
  return isCount(end.totalBytes) && end.sha256.length === 32;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
