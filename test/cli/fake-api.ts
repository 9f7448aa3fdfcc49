import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo } from 'node:net';
import { fluxforge, type Ran } from './run-cli.js';

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Undefined: none was sent. */
  readonly body?: unknown;
  readonly reason?: string;
}

/** What is answered, by `METHOD /path` without the query. */
export type Answers = Readonly<Record<string, unknown>>;

export class Refusal {
  constructor(
    readonly status: number,
    readonly problem: object,
  ) {}
}

const accepted = { command_id: 'cmd_1', id: 'made_1', token: 't1' };
const decided = { command_id: 'cmd_1', state: 'accepted', event_type: 'done' };

/**
 * The program against an API that answers as told, and accepts all else that is written. `asked`: what was sent but
 * for the questions after commands.
 */
export async function against(
  answers: Answers,
  args: readonly string[],
  input?: string,
): Promise<Ran & { readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void textOf(request).then((text) => {
      const { pathname } = new URL(request.url ?? '/', 'http://api');
      const answer = answerTo(answers, request.method ?? '', pathname);
      if (!pathname.startsWith('/v1/commands/')) asked.push(seen(request, pathname, text));
      const [status, body] = answer instanceof Refusal ? [answer.status, answer.problem] : [200, answer];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const env = { FLUXFORGE_API_URL: `http://127.0.0.1:${port}`, FLUXFORGE_API_KEY: 'ffk_x' };
  try {
    return { ...(await fluxforge(args, { env, ...(input === undefined ? {} : { input }) })), asked };
  } finally {
    server.close();
  }
}

function answerTo(answers: Answers, method: string, path: string): unknown {
  const told = answers[`${method} ${path}`];
  if (typeof told === 'function') return (told as () => unknown)();
  if (told !== undefined) return told;
  if (path.startsWith('/v1/commands/')) return decided;
  if (method !== 'GET') return accepted;
  return new Refusal(404, { code: 'not_found', detail: 'There is no such resource.' });
}

function seen({ method = '', headers }: IncomingMessage, path: string, text: string): Asked {
  const reason = headers['fluxforge-reason'];
  return {
    method,
    path,
    ...(text === '' ? {} : { body: JSON.parse(text) as unknown }),
    ...(typeof reason === 'string' ? { reason } : {}),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
