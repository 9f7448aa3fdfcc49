// `fluxforge explain`: why a task, or a state on an agent, is where it is.
import { harmless } from './text.mjs';

export async function explain(client, id, agent, { output, asOf }, print) {
  const path = agent
    ? `/v1/states/${encodeURIComponent(id)}/targets/${encodeURIComponent(agent)}/explain`
    : `/v1/tasks/${encodeURIComponent(id)}/explain`;
  const why = await client.call('GET', asOf ? `${path}?as_of=${encodeURIComponent(asOf)}` : path);
  if (output === 'json') return print(JSON.stringify(why));
  for (const line of agent ? targetLines(why) : taskLines(why)) print(harmless(line));
}

function targetLines(why) {
  const until = why.held_until ? ` until ${why.held_until}` : '';
  const lines = [`${why.bucket}: ${why.reason}${until}`, why.message];
  const next = why.check_asked ? 'asked for' : (why.next_check_at ?? 'not planned');
  // Checks are not in the log.
  const check = why.as_of ? '' : `, next check ${next}`;
  lines.push(`attempts ${why.attempts_used}/${why.attempts}${check}`);
  if (why.last_task_id && !why.task) lines.push(`last apply: logs ${why.last_task_id}`);
  lines.push(...wouldHelp(why.remedies ?? []));
  if (why.task) lines.push(`task ${why.task_id}:`, ...taskLines(why.task).map((line) => `  ${line}`));
  return lines;
}

function taskLines(why) {
  if (why.phase === 'ended') return [`ended: ${why.end} (${why.reason}) at ${why.ended_at}`];
  if (why.phase === 'leased') {
    const stop = why.cancel_requested ? ', to be cancelled' : why.move_requested ? ', to be moved' : '';
    return [`leased to ${why.agent_id}, attempt ${why.attempt}${stop}`, why.message];
  }
  const counted = why.limit_name ? ` (${why.limit_name} ${why.used}/${why.limit})` : '';
  const lines = [`queued: ${why.rule}${counted}${why.until ? ` until ${why.until}` : ''}`, why.message];
  const unnamed = why.held_by_more > 0 ? ` and ${why.held_by_more} more` : '';
  if (why.held_by.length > 0) lines.push(`held by ${why.held_by.join(' ')}${unnamed}`);
  for (const [reason, count] of Object.entries(why.candidates.by_reason))
    lines.push(`agents: ${count} ${reason}`);
  lines.push(...wouldHelp(why.remedies));
  return lines;
}

function wouldHelp(remedies) {
  const asked = remedies.filter(({ kind }) => kind !== 'none-needed');
  return asked.map(({ kind, ...rest }) => `would help: ${kind} ${told(rest)}`.trimEnd());
}

function told(fields) {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
}
