// `fluxforge simulate`: what the scheduler would do if things were otherwise. Writes nothing.
import { readMapping } from './documents.mjs';
import { harmless, table } from './text.mjs';

const NAMED = 3;

export async function simulate(client, { file, output }, print) {
  const found = await client.call('POST', '/v1/simulations', { body: readMapping(file) });
  if (output === 'json') return print(JSON.stringify(found, null, 2));
  // An owner of an older version does not say these.
  const { changed = [], changed_more = 0, waited_for = [], waited_for_more = 0 } = found;
  print(`admitted ${found.admitted}, rejected ${found.rejected.length}`);
  const rows = [
    ...grouped('placed', found.placed, 'agent_id'),
    ...grouped('delayed', found.delayed, 'rule'),
    ...grouped('changed', changed.map(fromTo), 'rules', changed_more),
    ...grouped('waited for', waited_for, 'agent_id', waited_for_more),
    ...grouped('rejected', found.rejected, 'reason'),
    ...grouped('ended', found.ended, 'reason'),
  ];
  if (rows.length > 0) print(table(['WOULD BE', 'TASKS', 'WHERE OR WHY', 'WHICH'], rows));
  if (found.agents_unknown.length > 0)
    print(harmless(`there are no such agents: ${found.agents_unknown.join(', ')}`));
  if (!found.complete) print('there would be more decisions than one simulation makes');
}

function fromTo({ task_id, before, after }) {
  return { task_id, rules: before === null ? after : `${before}, then ${after}` };
}

/** One row for each agent, rule or reason, and one for those that the answer only counts. */
function grouped(what, items, by, more = 0) {
  const groups = new Map();
  for (const item of items) groups.set(item[by], [...(groups.get(item[by]) ?? []), item.task_id]);
  const rows = [...groups].map(([name, tasks]) => {
    const others = tasks.length > NAMED ? ' ...' : '';
    return [what, String(tasks.length), name, tasks.slice(0, NAMED).join(' ') + others];
  });
  return more > 0 ? [...rows, [what, String(more), '', 'not named']] : rows;
}
