import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { type Logger } from '@fluxforge/telemetry';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { problems } from './problem-codes.js';
import { problemBody, problemContentType, ProblemError } from './problem.js';

/** Every error, from wherever, leaves as problem details; only a bug leaves as a 500, and says nothing of itself. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const problem = problemOf(error);
    if (problem.code === 'internal') {
      this.logger.error(
        { err: error, request: request.id, route: request.routeOptions?.url },
        'internal error',
      );
    }
    sendProblem(http.getResponse<FastifyReply>(), problem);
  }
}

export function sendProblem(reply: FastifyReply, problem: ProblemError): void {
  if (reply.sent) return;
  if (problems[problem.code].retry) void reply.header('retry-after', String(problem.retryAfterS));
  if (problem.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer');
  void reply
    .status(problem.status)
    .header('content-type', problemContentType)
    .header('cache-control', 'no-store')
    // As bytes: to a string Fastify would add a charset, which JSON types do not have.
    .send(Buffer.from(JSON.stringify(problemBody(problem))));
}

export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof HttpException) return ofStatus(error.getStatus(), error);
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return ofStatus(typeof status === 'number' ? status : 500, error);
}

/** Errors of the framework, by their status: of theirs only the kind is told, never the text. */
function ofStatus(status: number, cause: unknown): ProblemError {
  switch (status) {
    case 404:
    case 405:
      return new ProblemError('no_such_route', 'There is no such route.', {}, { cause });
    case 413:
      return new ProblemError('body_too_large', 'The body is larger than 1 MiB.', {}, { cause });
    case 415:
      return new ProblemError('unsupported_media_type', 'Send application/json.', {}, { cause });
    case 503:
      return new ProblemError('overloaded', 'The server is stopping.', {}, { cause });
    default:
      return status >= 400 && status < 500
        ? new ProblemError('malformed_request', 'The request cannot be read.', {}, { cause })
        : new ProblemError('internal', 'An error of the server.', {}, { cause });
  }
}
