/**
 * The parts of kafkajs 2.2.4 below its public door that this folder builds on, with the types that they
 * lack. The version is pinned in package.json: what is declared here is what that version has.
 */
import { type ConnectionOptions } from 'node:tls';
import { type ISocketFactory, type LogEntry, type SASLOptions } from 'kafkajs';
// @ts-expect-error kafkajs types only its public door
import connectionJs from 'kafkajs/src/network/connection.js';
// @ts-expect-error kafkajs types only its public door
import requestQueueJs from 'kafkajs/src/network/requestQueue/index.js';
// @ts-expect-error kafkajs types only its public door
import loggersJs from 'kafkajs/src/loggers/index.js';
// @ts-expect-error kafkajs types only its public door
import requestsJs from 'kafkajs/src/protocol/requests/index.js';
// @ts-expect-error kafkajs types only its public door
import crc32CJs from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';

export interface Logger {
  namespace(name: string): Logger;
}

export interface WireRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T>;
    readonly parse: (decoded: T) => Promise<T>;
  };
}

export interface WireConnection {
  readonly requestQueue: { destroy(): void };
  connect(): Promise<boolean>;
  isConnected(): boolean;
  rejectRequests(error: Error): void;
  send<T>(request: WireRequest<T>): Promise<T>;
  setVersions(versions: unknown): void;
  setSupportAuthenticationProtocol(supported: boolean): void;
  authenticate(): Promise<void>;
}

interface WireConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly logger: Logger;
  readonly socketFactory: ISocketFactory;
  readonly requestTimeout: number;
  readonly connectionTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly clientId: string;
  readonly ssl: ConnectionOptions | null;
  readonly sasl: SASLOptions | null;
}

export const WireConnection = connectionJs as new (options: WireConnectionOptions) => WireConnection;

export interface WireRequestQueue {
  readonly throttledUntil: number;
  readonly pending: readonly unknown[];
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

export const WireRequestQueue = requestQueueJs as { readonly prototype: WireRequestQueue };

export const { createLogger } = loggersJs as {
  readonly createLogger: (options: {
    readonly level: number;
    readonly logCreator: (level: number) => (entry: LogEntry) => void;
  }) => Logger;
};

export const { requests } = requestsJs as {
  readonly requests: Readonly<
    Record<string, { protocol(options: { version: number }): (payload: object) => WireRequest<unknown> }>
  >;
};

export const crc32C = crc32CJs as (bytes: Buffer) => number;
