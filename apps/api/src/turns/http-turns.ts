import { type FastifyInstance } from 'fastify';
import { sendProblem } from '../http/index.js';
import { crowded } from './crowded.js';
import { type Turns } from './turns.js';

const reads = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Before the body is read: what waits here waits in its socket. `tenantOf`: whose key it is. What has none takes no turn:
 * it is refused for that at once, or is an enrolment, which has a bound of its own.
 */
export function takeTurns(
  fastify: FastifyInstance,
  turns: Turns,
  tenantOf: (authorization: string | undefined) => string | null,
): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const tenantId = reads.has(request.method) ? null : tenantOf(request.headers.authorization);
    if (tenantId === null) return done();
    const turn = turns.enter(tenantId, done);
    if (turn) reply.raw.once('close', turn.over);
    else sendProblem(reply, crowded());
  });
}
