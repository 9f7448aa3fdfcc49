import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { type SASLOptions } from 'kafkajs';
import { within } from './deadline.js';
import { type Logger, requests, WireConnection, type WireRequest } from './kafkajs-internals.js';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionSettings {
  readonly clientId: string;
  readonly logger: Logger;
  readonly ssl?: ConnectionOptions;
  readonly sasl?: SASLOptions;
}

/** No connection: nothing was sent. */
export class ConnectError extends Error {}

/** The request went out (or may have), and no answer came. */
export class NoAnswerError extends Error {}

/** The broker answered with an error code. */
export class BrokerError extends Error {
  constructor(
    readonly code: number,
    message: string,
    /** Only when the code says that a member id is required: the id. */
    readonly memberId?: string,
  ) {
    super(message);
  }
}

const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
const API_VERSIONS = 2;

/**
 * One connection to one broker, used once: new -> open -> closed. kafkajs does framing, TLS and SASL; the
 * deadline of each request is ours, and ends the connection, as the broker answers in order and nothing
 * after a hanging request would be answered either.
 */
export class BrokerConnection {
  private readonly wire: WireConnection;
  private socket?: Socket;
  private opening?: Promise<void>;
  private opened = false;
  private closed = false;

  constructor(
    readonly address: BrokerAddress,
    private readonly settings: ConnectionSettings,
  ) {
    this.wire = new WireConnection({
      ...address,
      clientId: settings.clientId,
      logger: settings.logger,
      ssl: settings.ssl ?? null,
      sasl: settings.sasl ?? null,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: CONNECT_TIMEOUT_MS,
      enforceRequestTimeout: false,
      socketFactory: ({ host, port, ssl, onConnect }) => this.openSocket(host, port, ssl, onConnect),
    });
  }

  get usable(): boolean {
    return !this.closed && (!this.opened || this.wire.isConnected());
  }

  /** @throws ConnectError */
  async open(timeoutMs: number): Promise<void> {
    this.opening ??= this.handshake();
    // A caller in a hurry gives up alone: the others who wait for this connection may have longer.
    await within(this.opening, timeoutMs, () => new ConnectError(`no connection to ${this.name} in time`));
  }

  /** @throws BrokerError or NoAnswerError (ConnectError when the connection is known to be gone already) */
  async send<T>(request: WireRequest<T>, timeoutMs: number): Promise<T> {
    if (this.closed || !this.wire.isConnected()) throw new ConnectError(`not connected to ${this.name}`);
    const { apiName } = request.request;
    try {
      return await within(
        this.wire.send(request),
        timeoutMs,
        () => new NoAnswerError(`${apiName} to ${this.name} timed out`),
      );
    } catch (error: unknown) {
      if (isProtocolError(error)) {
        throw new BrokerError(error.code, `${apiName}: ${error.type}`, error.memberId);
      }
      this.destroy();
      if (error instanceof NoAnswerError) throw error;
      throw new NoAnswerError(`${apiName} to ${this.name} failed`, { cause: error });
    }
  }

  /** At once and without a goodbye: whoever waits for an answer hears that none comes. */
  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.wire.rejectRequests(new Error('the connection was ended'));
    this.wire.requestQueue.destroy();
    // With an error while it connects, as kafkajs would otherwise never settle that.
    this.socket?.destroy(this.opened ? undefined : new Error('the connection was ended'));
  }

  private get name(): string {
    return `${this.address.host}:${this.address.port}`;
  }

  private async handshake(): Promise<void> {
    try {
      await this.wire.connect();
      if (this.settings.sasl) await this.authenticate();
      this.opened = true;
    } catch (cause: unknown) {
      this.destroy();
      throw new ConnectError(`no connection to ${this.name}`, { cause });
    }
  }

  private async authenticate(): Promise<void> {
    const versions = requests['ApiVersions']!.protocol({ version: API_VERSIONS })({});
    const answer = (await this.wire.send(versions)) as { apiVersions: readonly VersionRange[] };
    const byKey = Object.fromEntries(answer.apiVersions.map((range) => [range.apiKey, range]));
    this.wire.setVersions(byKey);
    this.wire.setSupportAuthenticationProtocol(true);
    await this.wire.authenticate();
  }

  private openSocket(host: string, port: number, ssl: ConnectionOptions, onConnect: () => void): Socket {
    const socket = ssl
      ? connectTls({ host, port, servername: host, ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    // Requests are written whole; Nagle would hold the second of two back for a delayed ACK.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.socket = socket;
    return socket;
  }
}

interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

function isProtocolError(error: unknown): error is { code: number; type: string; memberId?: string } {
  return (
    error instanceof Error &&
    'type' in error &&
    typeof error.type === 'string' &&
    'code' in error &&
    typeof error.code === 'number'
  );
}
