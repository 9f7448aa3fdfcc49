// `fluxforge simulate`: what the scheduler would do if things were otherwise. Writes nothing.
import { readMapping } from './documents.mjs';
import { harmless, table } from './text.mjs';

const NAMED = 3;

export async function simulate(client, { file, output }, print) {
  const found = await client.call('POST', '/v1/simulations', { body: readMapping(file) });
  if (output === 'json') return print(JSON.stringify(found, null, 2));
  print(`admitted ${found.admitted}, rejected ${found.rejected.length}`);
  const rows = [
    ...grouped('placed', found.placed, 'agent_id'),
    ...grouped('delayed', found.delayed, 'rule'),
    ...grouped('rejected', found.rejected, 'reason'),
    ...grouped('ended', found.ended, 'reason'),
  ];
  if (rows.length > 0) print(table(['WOULD BE', 'TASKS', 'WHERE OR WHY', 'WHICH'], rows));
  if (found.agents_unknown.length > 0)
    print(harmless(`there are no such agents: ${found.agents_unknown.join(', ')}`));
  if (!found.complete) print('there would be more decisions than one simulation makes');
}

/** One row for each agent, rule or reason. */
function grouped(what, items, by) {
  const groups = new Map();
  for (const item of items) groups.set(item[by], [...(groups.get(item[by]) ?? []), item.task_id]);
  return [...groups].map(([name, tasks]) => {
    const more = tasks.length > NAMED ? ' ...' : '';
    return [what, String(tasks.length), name, tasks.slice(0, NAMED).join(' ') + more];
  });
}
