import { Catch, Inject, type RpcExceptionFilter } from '@nestjs/common';
import { Metadata, status } from '@grpc/grpc-js';
import { type Logger } from '@fluxforge/telemetry';
import { throwError, type Observable } from 'rxjs';
import { problemBody, problemOf, problems, type ProblemCode } from '../http/index.js';

/** Where the problem details are; JSON with everything beyond ASCII escaped, as metadata must be. */
export const problemKey = 'fluxforge-problem';

/** Each code of the closed list, as a status. What is written for sure, or for sure not, stays told apart. */
export const statusOf: Readonly<Record<ProblemCode, status>> = {
  malformed_body: status.INVALID_ARGUMENT,
  validation_failed: status.INVALID_ARGUMENT,
  invalid_parameter: status.INVALID_ARGUMENT,
  malformed_request: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  token_invalid: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  no_such_route: status.UNIMPLEMENTED,
  already_exists: status.ALREADY_EXISTS,
  conflict: status.FAILED_PRECONDITION,
  gone: status.NOT_FOUND,
  precondition_failed: status.ABORTED,
  body_too_large: status.INVALID_ARGUMENT,
  unsupported_media_type: status.INVALID_ARGUMENT,
  idempotency_key_reused: status.INVALID_ARGUMENT,
  invalid: status.INVALID_ARGUMENT,
  history_too_long: status.OUT_OF_RANGE,
  quota_exceeded: status.RESOURCE_EXHAUSTED,
  lag_limited: status.RESOURCE_EXHAUSTED,
  internal: status.INTERNAL,
  overloaded: status.UNAVAILABLE,
  log_unavailable: status.UNAVAILABLE,
  reads_unavailable: status.UNAVAILABLE,
  not_yet_visible: status.UNAVAILABLE,
  no_dispatcher: status.UNAVAILABLE,
  mode_degraded: status.UNAVAILABLE,
  mode_read_only: status.UNAVAILABLE,
  mode_draining: status.UNAVAILABLE,
  owner_unavailable: status.UNAVAILABLE,
  answer_pending: status.DEADLINE_EXCEEDED,
  outcome_unknown: status.DEADLINE_EXCEEDED,
};

export class RpcLogger {
  constructor(readonly logger: Logger) {}
}

/** Every error, from wherever, leaves as a status with problem details; a bug says nothing of itself. */
@Catch()
export class RpcProblems implements RpcExceptionFilter {
  constructor(@Inject(RpcLogger) private readonly told: RpcLogger) {}

  catch(error: unknown): Observable<never> {
    const problem = problemOf(error);
    if (problem.code === 'internal') this.told.logger.error({ err: error }, 'internal error of a call');
    const metadata = new Metadata();
    metadata.set(problemKey, ascii(JSON.stringify(problemBody(problem))));
    if (problems[problem.code].retry) metadata.set('retry-after', `${problem.retryAfterS}`);
    return throwError(() => ({ code: statusOf[problem.code], details: problem.detail, metadata }));
  }
}

function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
