// `fluxforge schedule suspend|resume|delete`.
import { Failure } from './failure.mjs';
import { because } from './usage.mjs';

const VERBS = {
  suspend: {
    method: 'POST',
    suffix: '/suspend',
    done: 'suspended',
    about: 'fire no more until it is resumed',
  },
  resume: { method: 'POST', suffix: '/resume', done: 'resumed', about: 'fire again' },
  delete: { method: 'DELETE', suffix: '', done: 'deleted', about: 'fire no more; tasks that it made go on' },
};

export const scheduleVerbs = Object.entries(VERBS).map(([verb, { about }]) => [verb, about]);

export async function schedule(client, verb, word, { reason }, print) {
  const { method, suffix, done } = VERBS[verb];
  const id = await scheduleId(client, word);
  await client.change(method, `/v1/schedules/${encodeURIComponent(id)}${suffix}`, because(reason));
  print(`${word}: ${done}`);
}

/** By its id, or by a name that only it has. */
async function scheduleId(client, word) {
  if (word.startsWith('sch_')) return word;
  const { items } = await client.get('/v1/schedules', { name: word, limit: 2 });
  if (items.length > 1)
    throw new Failure(`there are several schedules of this name: ${items.map(({ id }) => id)}`);
  return items[0]?.id ?? word;
}
