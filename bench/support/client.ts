import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const deadlineMs = 10_000;

/** A plain keep-alive client: what it costs is part of what the machine does beside the product. */
export class Client {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 256 });
  private readonly url: URL;

  constructor(
    url: string,
    private readonly key: string,
  ) {
    this.url = new URL(url);
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.send('POST', path, JSON.stringify(body));
  }

  patch(path: string, body: unknown): Promise<Answer> {
    return this.send('PATCH', path, JSON.stringify(body));
  }

  close(): void {
    this.agent.destroy();
  }

  /** The body as it is given, whether it is JSON or not. */
  send(method: string, path: string, body?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      };
      const { hostname, port } = this.url;
      const call = request(
        { hostname, port, path, method, headers, agent: this.agent, timeout: deadlineMs },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(parts)) }),
          );
          response.on('error', reject);
        },
      );
      call.on('timeout', () =>
        call.destroy(new Error(`${method} ${path}: no answer within ${deadlineMs} ms`)),
      );
      call.on('error', reject);
      call.end(body);
    });
  }
}

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) return null;
  return JSON.parse(bytes.toString('utf8'));
}
