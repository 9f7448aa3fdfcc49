import { createServer, type AddressInfo } from 'node:net';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type Client,
  type ServiceClientConstructor,
  type ServiceError,
  type status,
} from '@grpc/grpc-js';
import { packageDefinition, problemKey } from '../grpc/index.js';

/** What a call came to: the message, or the status with its problem details. */
export interface RpcAnswer {
  readonly status: status | 0;
  readonly message: Readonly<Record<string, unknown>>;
  readonly problem: Readonly<Record<string, unknown>>;
}

const deadlineMs = 10_000;

/** A user's gRPC client, as any language would make it from proto/. */
export class RpcClient {
  private readonly clients = new Map<string, Client>();
  private readonly services: Readonly<Record<string, ServiceClientConstructor>>;

  constructor(
    private readonly address: string,
    private readonly metadata: Readonly<Record<string, string>>,
  ) {
    const loaded = loadPackageDefinition(packageDefinition);
    const { fluxforge } = loaded as unknown as {
      fluxforge: { v1: Record<string, ServiceClientConstructor> };
    };
    this.services = fluxforge.v1;
  }

  with(metadata: Readonly<Record<string, string>>): RpcClient {
    return new RpcClient(this.address, { ...this.metadata, ...metadata });
  }

  call(service: string, method: string, message: object): Promise<RpcAnswer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(this.metadata)) metadata.set(name, value);
    const options = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, answer?: Record<string, unknown>): void =>
        resolve({ status: error?.code ?? 0, message: answer ?? {}, problem: problemIn(error) });
      const client = this.clientOf(service) as unknown as Record<string, (...args: unknown[]) => void>;
      client[method]?.(message, metadata, options, done);
    });
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  private clientOf(service: string): Client {
    let client = this.clients.get(service);
    if (!client) {
      const made = this.services[service];
      if (!made) throw new Error(`proto/ has no ${service}`);
      client = new made(this.address, credentials.createInsecure());
      this.clients.set(service, client);
    }
    return client;
  }
}

function problemIn(error: ServiceError | null): Readonly<Record<string, unknown>> {
  const [text] = error?.metadata.get(problemKey) ?? [];
  return typeof text === 'string' ? (JSON.parse(text) as Record<string, unknown>) : {};
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
