import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

const MAX_BODY_BYTES = 64 * 1024;

export interface HttpAnswer {
  status: number;
  body: unknown;
}

/** One JSON request with a deadline for all of it. Rejects when there was no whole answer. */
export function requestJson(
  method: 'GET' | 'POST',
  url: URL,
  deadlineMs: number,
  payload?: unknown,
): Promise<HttpAnswer> {
  const text = payload === undefined ? undefined : JSON.stringify(payload);
  const headers: Record<string, string> = { accept: 'application/json, application/problem+json' };
  if (text !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(text));
  }
  const open = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs);
    const call = open(url, { method, headers, signal, agent: false }, (response) => {
      readJson(response).then(resolve, reject);
    });
    call.on('error', (error) => {
      reject(signal.aborted ? new Error(`no answer within ${deadlineMs} ms`) : error);
    });
    call.end(text);
  });
}

async function readJson(response: IncomingMessage): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString('utf8');
  return { status: response.statusCode ?? 0, body: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
