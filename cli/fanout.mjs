// `fluxforge fanout`: one thing on many agents, and with --wait how it came out.
import { randomUUID } from 'node:crypto';
import { Failure } from './failure.mjs';
import { Progress } from './progress.mjs';
import { taskOf } from './task.mjs';
import { said } from './usage.mjs';

const POLL_MS = 300;

export async function fanout(client, command, options, { print, note }) {
  const body = said({
    selector: options.selector,
    task: taskOf(command, options),
    max_concurrency: options.maxConcurrency,
    max_failures: options.maxFailures,
  });
  const { id } = await client.change('POST', '/v1/fanouts', { body, headers: named(options.key) });
  return done(client, id, options, { print, note });
}

export async function retryFanout(client, of, options, { print, note }) {
  const { id } = await client.change('POST', `/v1/fanouts/${encodeURIComponent(of)}/retry`, {
    headers: named(),
  });
  return done(client, id, options, { print, note });
}

export async function cancelFanout(client, id, { reason }, print) {
  await client.change('POST', `/v1/fanouts/${encodeURIComponent(id)}/cancel`, { body: said({ reason }) });
  print(`${id}: cancel requested`);
}

async function done(client, id, { wait }, { print, note }) {
  if (!wait) return print(id);
  const { status } = await ended(client, id, note);
  const { members, succeeded, failed, not_started, unknown } = status;
  if (status.phase === 'rejected') throw new Failure(`${id} rejected (${status.reason}): ${status.message}`);
  const counts = `${id}: ${succeeded} of ${members} succeeded, ${failed} failed, ${not_started} not started, ${unknown} unknown`;
  if (succeeded !== members) throw new Failure(`${counts} (${status.reason})`);
  print(counts);
}

async function ended(client, id, note) {
  const progress = new Progress(note);
  for (;;) {
    const fanout = await client.get(`/v1/fanouts/${id}`);
    if (fanout.status.phase === 'ended' || fanout.status.phase === 'rejected') return fanout;
    progress.tell(fanout);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Under a key of its own, so that it is started once however often it has to be sent. */
const named = (key = randomUUID()) => ({ 'idempotency-key': key });
