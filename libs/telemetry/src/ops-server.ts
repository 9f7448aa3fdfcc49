import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Metrics } from './metrics.js';
import { type Readiness } from './readiness.js';

export interface OpsServer {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

export interface OpsOptions {
  readonly address: { readonly host: string; readonly port: number };
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

const requestDeadlineMs = 5_000;

/** Serves `/metrics`, `/healthz` (the process answers) and `/readyz` (it can do its work). */
export async function startOpsServer(options: OpsOptions): Promise<OpsServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch(() => response.destroy());
  });
  server.requestTimeout = requestDeadlineMs;
  server.headersTimeout = requestDeadlineMs;
  server.maxConnections = 64;
  await listen(server, options.address);
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`,
    close: () => closeServer(server),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: OpsOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'text/plain', '');
  switch (request.url?.split('?')[0]) {
    case '/metrics':
      return send(response, 200, options.metrics.contentType, await options.metrics.scrape());
    case '/healthz':
      return sendJson(response, 200, { status: 'ok' });
    case '/readyz':
      return sendJson(response, options.readiness.ready ? 200 : 503, options.readiness.report());
    default:
      return send(response, 404, 'text/plain', 'not found\n');
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', JSON.stringify(body));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function listen(server: Server, address: OpsOptions['address']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
