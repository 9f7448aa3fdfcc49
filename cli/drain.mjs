// `fluxforge drain`, `undrain`, `agents remove`: an agent is given nothing new, is given work again, and goes.
import { InvalidArgumentError } from 'commander';
import { because, said } from './usage.mjs';

/** As the API reads durations: units fall, each at most once. */
const DURATION = /^(?:(\d{1,12})d)?(?:(\d{1,12})h)?(?:(\d{1,12})m)?(?:(\d{1,12})s)?(?:(\d{1,12})ms)?$/;
const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1_000, 1];
const LATEST_MS = 8.64e15;

/** A time as it is, or this long from now. */
export function deadlineOf(word, nowMs = Date.now()) {
  if (/^\d{4}-/.test(word)) return word;
  const digits = word === '' ? null : DURATION.exec(word);
  const atMs = nowMs + (digits?.slice(1) ?? []).reduce((ms, n, i) => ms + Number(n ?? 0) * UNITS_MS[i], 0);
  if (!digits || atMs > LATEST_MS)
    throw new InvalidArgumentError('Give a duration such as 30m or 1h30m, or a time (RFC 3339).');
  return new Date(atMs).toISOString();
}

export async function drain(client, agent, { deadline, reason }, print) {
  const body = said({ deadline });
  await client.change('POST', `${routeOf(agent)}/drain`, { body, ...because(reason) });
  print(`${agent}: draining${deadline ? `, what runs then is moved at ${deadline}` : ''}`);
}

export async function undrain(client, agent, { reason }, print) {
  await client.change('POST', `${routeOf(agent)}/undrain`, because(reason));
  print(`${agent}: given work again`);
}

export async function removeAgent(client, agent, { reason }, print) {
  await client.change('DELETE', routeOf(agent), because(reason));
  print(`${agent}: removed`);
}

const routeOf = (agent) => `/v1/agents/${encodeURIComponent(agent)}`;
