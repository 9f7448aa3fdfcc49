// `fluxforge fanout`: one thing on many agents, and with --wait how it came out.
import { randomUUID } from 'node:crypto';
import { Failure } from './failure.mjs';

const POLL_MS = 300;

export async function fanout(client, command, options, print) {
  if (command.length > 0 === (options.shell !== undefined)) {
    throw new Failure('give a command after --, or --shell SCRIPT');
  }
  const task = {
    command: options.shell ?? command,
    ...given('execution_timeout', options.timeout),
    ...given('max_attempts', options.attempts === undefined ? undefined : Number(options.attempts)),
  };
  const body = {
    selector: options.selector,
    task,
    ...given('max_concurrency', options.maxConcurrency),
    ...given('max_failures', options.maxFailures),
  };
  const { id } = await client.change('POST', '/v1/fanouts', { body, headers: named(options.key) });
  return done(client, id, options, print);
}

export async function retryFanout(client, of, options, print) {
  const { id } = await client.change('POST', `/v1/fanouts/${encodeURIComponent(of)}/retry`, {
    headers: named(),
  });
  return done(client, id, options, print);
}

async function done(client, id, { wait }, print) {
  if (!wait) return print(id);
  const { status } = await ended(client, id);
  const { members, succeeded, failed, not_started, unknown } = status;
  if (status.phase === 'rejected') throw new Failure(`${id} rejected (${status.reason}): ${status.message}`);
  const said = `${id}: ${succeeded} of ${members} succeeded, ${failed} failed, ${not_started} not started, ${unknown} unknown`;
  if (succeeded !== members) throw new Failure(`${said} (${status.reason})`);
  print(said);
}

async function ended(client, id) {
  for (;;) {
    const fanout = await client.get(`/v1/fanouts/${id}`);
    if (fanout.status.phase === 'ended' || fanout.status.phase === 'rejected') return fanout;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Under a key of its own, so that it is started once however often it has to be sent. */
const named = (key = randomUUID()) => ({ 'idempotency-key': key });

const given = (name, value) => (value === undefined ? {} : { [name]: value });
