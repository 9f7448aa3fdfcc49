import { request } from 'node:http';

/** What came of a request. `refused`: nobody listened, so surely nothing happened. `unknown`: no whole answer. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: Json; readonly text: string }
  | { readonly kind: 'refused' | 'unknown'; readonly error: string };

export type Json = Record<string, unknown>;

export interface Accepted {
  readonly command_id: string;
  readonly id: string;
  readonly token: string;
}

interface Options {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

const deadlineMs = 30_000;

/** A client that never tries again by itself: what became of each request is the test's business. */
export class Rest {
  constructor(
    readonly url: string,
    private readonly key: string,
  ) {}

  send(method: string, path: string, options: Options = {}): Promise<Answer> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      authorization: `Bearer ${this.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    return new Promise((resolve) => {
      const timeout = options.deadlineMs ?? deadlineMs;
      const call = request(`${this.url}${path}`, { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => resolve({ kind: 'unknown', error: error.message }));
        response.on('end', () => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString();
          resolve({ kind: 'answered', status: response.statusCode ?? 0, body: jsonOf(text), text });
        });
        response.on('close', () => resolve({ kind: 'unknown', error: 'the answer broke off' }));
      });
      const timer = setTimeout(() => call.destroy(new Error(`no answer in ${timeout} ms`)), timeout);
      call.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        resolve({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'unknown', error: error.message });
      });
      call.end(body);
    });
  }

  /** For requests that must work: the body of a 2xx answer. */
  async expect(method: string, path: string, options: Options = {}): Promise<Json> {
    const answer = await this.send(method, path, options);
    if (answer.kind !== 'answered') throw new Error(`${method} ${path}: ${answer.kind}, ${answer.error}`);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  get(path: string): Promise<Json> {
    return this.expect('GET', path);
  }

  async write(method: string, path: string, options: Options = {}): Promise<Accepted> {
    return (await this.expect(method, path, options)) as unknown as Accepted;
  }

  /** The items of all pages. */
  async all(path: string): Promise<Json[]> {
    const items: Json[] = [];
    for (let cursor: unknown = null, first = true; first || typeof cursor === 'string'; first = false) {
      const join = path.includes('?') ? '&' : '?';
      const page = await this.get(typeof cursor === 'string' ? `${path}${join}cursor=${cursor}` : path);
      items.push(...(page['items'] as Json[]));
      cursor = page['next_cursor'];
    }
    return items;
  }
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}
