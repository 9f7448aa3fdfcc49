import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { proves, questionFrom, questionLimitBytes, type Question } from './question.js';
import { TooManyQuestions, Turns, type Slices } from './turns.js';

/** The partition moved on: whoever asked looks up its owner again. */
export class NotLedHere extends Error {}
class AskerGone extends Error {}

export interface QuestionServer {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

interface Options {
  readonly address: { readonly host: string; readonly port: number };
  readonly signingKey: string;
  /**
   * A JSON value; throws `NotLedHere`. Null: there is nothing of that name. What takes long is done in `slices`, or the
   * thread is not given back.
   */
  readonly answer: (question: Question, slices: Slices) => Promise<unknown>;
  /** An answer that failed; who asked is only told that there is none. */
  readonly onError: (error: unknown, question: Question) => void;
}

const requestDeadlineMs = 5_000;
/** As many may wait for their turn. */
const mostWaiting = 64;

export async function startQuestionServer(options: Options): Promise<QuestionServer> {
  const turns = new Turns(mostWaiting);
  const server = createServer((request, response) => {
    serve(request, response, turns, options).catch(() => response.destroy());
  });
  server.requestTimeout = requestDeadlineMs;
  server.headersTimeout = requestDeadlineMs;
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.address.port, options.address.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const { host } = options.address;
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    close: () => close(server),
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  turns: Turns,
  options: Options,
): Promise<void> {
  if (!proves(options.signingKey, request.headers.authorization)) return send(response, 401, {});
  const body = await bodyOf(request);
  const question = body === null ? null : questionFrom(body);
  if (!question) return send(response, 400, {});
  try {
    const result = await turns.take(async () => {
      // Who asked may have given up while it waited.
      if (response.destroyed) throw new AskerGone();
      return options.answer(question, turns);
    });
    return send(response, 200, { result });
  } catch (error: unknown) {
    if (error instanceof AskerGone) return;
    if (error instanceof NotLedHere) return send(response, 409, {});
    if (error instanceof TooManyQuestions) return send(response, 503, {});
    options.onError(error, question);
    return send(response, 500, {});
  }
}

/** Null: too large, or no JSON. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > questionLimitBytes) return null;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
