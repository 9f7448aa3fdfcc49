import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type FastifyRequest } from 'fastify';
import { type Caller } from '../directory/index.js';
import { Parameter, text } from '../fields/index.js';
import { ProblemError } from '../http/index.js';
import { type Origin } from './ingest.js';

const reason = new Parameter(
  'FluxForge-Reason',
  // Printable: it goes into a record's headers as it is.
  text({ max: 512, pattern: /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u, form: 'printable text' }),
);
const traceparent = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Who asks and why, for the log: the actor from the key, the reason and the trace from headers. */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): Origin => {
  const { caller, headers } = context.switchToHttp().getRequest<FastifyRequest & { caller?: Caller }>();
  if (!caller) throw new ProblemError('unauthenticated', 'A bearer key is needed.');
  return originOf(caller, headers['fluxforge-reason'], headers['traceparent']);
});

/** @throws ProblemError when the reason is no printable text */
export function originOf(caller: Caller, givenReason: unknown, trace: unknown): Origin {
  return {
    tenantId: caller.tenantId,
    actor: `key:${caller.keyId}`,
    reason: givenReason === undefined ? null : reason.transform(givenReason),
    traceparent: traceOf(trace),
  };
}

/** A broken trace header is left out, as the standard asks, and never a reason to refuse. */
export function traceOf(header: unknown): string | null {
  return typeof header === 'string' && traceparent.test(header) ? header : null;
}
