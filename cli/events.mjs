// `fluxforge events`: the history of one thing, oldest first.
import { Failure } from './failure.mjs';
import { harmless } from './text.mjs';

export async function events(client, id, { output }, print) {
  for await (const event of client.all(`/v1/${kindOfId(id)}/${encodeURIComponent(id)}/events`)) {
    if (output === 'json') print(JSON.stringify(event));
    else print(harmless(line(event)));
  }
}

function line(event) {
  const { task_id, state_id, agent_id, ...rest } = event.data;
  const about = [agent_id, task_id, state_id].filter((id) => id && id !== event.subject).join(' ');
  const what = ['reason', 'end', 'outcome', 'exit_code', 'attempt', 'generation']
    .filter((name) => rest[name] !== undefined && rest[name] !== null)
    .map((name) => `${name}=${rest[name]}`)
    .join(' ');
  return [event.time, event.type.padEnd(24), what, about, event.actor].filter(Boolean).join('  ');
}

/** Tasks of remediations are named after their target. */
const prefixes = { sta_: 'states', tsk_: 'tasks', 'rem-': 'tasks', agt_: 'agents' };

function kindOfId(id) {
  const kind = prefixes[id.slice(0, 4)];
  if (!kind) throw new Failure(`${id} is not the id of a state, a task or an agent`);
  return kind;
}
