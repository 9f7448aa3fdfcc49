import { type FastifyInstance } from 'fastify';
import { sendProblem } from '../http/index.js';
import { crowded } from './crowded.js';
import { type Turns } from './turns.js';

const reads = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Before the body is read: what waits here waits in its socket. `tenantOf`: whose key it is; all that have none are one
 * tenant.
 */
export function takeTurns(
  fastify: FastifyInstance,
  turns: Turns,
  tenantOf: (authorization: string | undefined) => string,
): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (reads.has(request.method)) return done();
    const turn = turns.enter(tenantOf(request.headers.authorization), done);
    if (turn) reply.raw.once('close', turn.over);
    else sendProblem(reply, crowded());
  });
}
