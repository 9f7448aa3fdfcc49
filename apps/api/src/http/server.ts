import { type INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type Metrics } from '@fluxforge/telemetry';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { maxBodyBytes, parseJsonBody } from './json-body.js';
import { ProblemError } from './problem.js';
import { problemOf, sendProblem } from './problem-filter.js';

/** A request that is not there whole by then is closed: slow senders hold no socket for ever. */
const requestTimeoutMs = 30_000;
const maxUrlParameterLength = 256;

export function httpAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    routerOptions: { maxParamLength: maxUrlParameterLength, ignoreTrailingSlash: true },
    // A path that cannot be decoded never reaches a route.
    frameworkErrors: (error: unknown, _request: unknown, reply: FastifyReply) =>
      sendProblem(reply, problemOf(error)),
    genReqId: () => crypto.randomUUID(),
    return503OnClosing: true,
  });
}

/** To be called before the application is initialised: bodies, and what is measured of every request. */
export function prepareHttp(app: INestApplication, metrics: Metrics): void {
  const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
  // One type and one parser: the framework would also take forms and plain text.
  fastify.removeAllContentTypeParsers();
  for (const type of ['application/json', 'application/merge-patch+json']) {
    fastify.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => {
      try {
        done(null, parseJsonBody(decode(body as Buffer)));
      } catch (error: unknown) {
        done(error as Error);
      }
    });
  }
  fastify.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) route.helmet = {};
  });
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.header('x-content-type-options', 'nosniff');
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    measure(metrics, request, reply);
    done();
  });
}

/** Bytes that are no UTF-8 would be changed by a lenient decoder without anyone knowing. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new ProblemError('malformed_body', 'The body is not UTF-8.');
  }
}

function measure(metrics: Metrics, request: FastifyRequest, reply: FastifyReply): void {
  // The pattern of the route, never its path: labels must stay few.
  const route = request.routeOptions.url ?? 'none';
  const labels = { method: request.method, route, status: reply.statusCode };
  metrics.observe('fluxforge_http_request_seconds', labels, reply.elapsedTime / 1000);
}
