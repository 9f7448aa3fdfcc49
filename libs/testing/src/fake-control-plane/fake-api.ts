import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Received } from './received.js';

export interface EnrolmentBody {
  join_token: string;
  name: string;
  credential_hash: string;
  labels: Record<string, string>;
  slots: number;
  executors: string[];
  boot_id: string;
}

export interface Whereabouts {
  dispatcherAddress: () => string;
  outputAddress: () => string;
}

/** The two questions an agent asks over HTTP. */
export class FakeApi {
  readonly enrolments = new Received<EnrolmentBody>();
  readonly lookups = new Received<string>();
  joinToken = 'join-me';
  generation = 1;
  /** Answers that get lost: the connection is cut after the request was read. */
  swallowNext = 0;
  /** Answers with this status and nothing useful, so many times. */
  failNext: { status: number; times: number } = { status: 503, times: 0 };
  url = '';
  private readonly server: Server = createServer((request, response) => {
    this.answer(request, response).catch(() => response.destroy());
  });

  constructor(private readonly whereabouts: Whereabouts) {}

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    if (url.pathname === '/v1/dispatchers') return this.lookup(url, response);
    const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as EnrolmentBody;
    this.enrolments.add(body);
    if (this.swallowNext-- > 0) return void response.destroy();
    if (this.failNext.times-- > 0) return reply(response, this.failNext.status, { title: 'not now' });
    if (body.join_token !== this.joinToken) {
      return reply(response, 403, { code: 'join_token_refused', title: 'The join token is not valid' });
    }
    const { dispatcherAddress, outputAddress } = this.whereabouts;
    reply(response, 200, {
      agent_id: `agent-${body.credential_hash.slice(0, 8)}`,
      tenant_id: 'tenant-1',
      dispatcher_address: dispatcherAddress(),
      output_address: outputAddress(),
    });
  }

  private lookup(url: URL, response: ServerResponse): void {
    this.lookups.add(url.searchParams.get('tenant_id') ?? '');
    reply(response, 200, {
      address: this.whereabouts.dispatcherAddress(),
      generation: this.generation,
      output_address: this.whereabouts.outputAddress(),
    });
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
