import { formatSelector } from '@fluxforge/domain/kernel';
import { endedSentence, type Explanation, type Queued, type Remedy } from '@fluxforge/domain/tasks-context';

type Known = Exclude<Explanation, { phase: 'unknown' }>;

/** Where a task is and why, in words, with names and numbers, for whoever reads one line of the answer. */
export function explanationSentence(why: Known): string {
  switch (why.phase) {
    case 'ended':
      return endedSentence(why.end, why.reason, at(why.endedAtMs));
    case 'leased':
      return why.startedAtMs === null
        ? `It has been given to agent ${why.agentId}, attempt ${why.attempt}, which has not said that it runs.`
        : `It has been running on agent ${why.agentId}, attempt ${why.attempt}, since ${at(why.startedAtMs)}.`;
    case 'queued':
      return `${ruleText(why)}${keptText(why)}${lineText(why)}.`;
  }
}

function ruleText(why: Queued): string {
  const { rule, untilMs, used, limit, asks } = why;
  switch (rule) {
    case 'turn':
      return 'It waits for nothing but its turn';
    case 'backoff':
      return `An attempt has failed, and the next waits until ${at(untilMs)}`;
    case 'not_before':
      return `It is not to start before ${at(untilMs)}`;
    case 'agent_removed':
      return `Agent ${asks.agent_id}, which it is for, has been removed`;
    case 'quota_running_tasks':
      return `The tenant runs as many tasks as max_running_tasks allows (${used} of ${limit})`;
    case 'quota_output_bytes':
      return `The tenant has used ${used} of ${limit} bytes of output of this hour (output_bytes_per_hour)${hourText(why)}`;
    case 'mode_draining':
      return `The mode of the ${scopesOf(why.remedies)} is draining: nothing new is started`;
    case 'concurrency_key':
      return `Its concurrency key ${asks.concurrency?.key} is taken${holdersText(why)}`;
    case 'lock_held':
      return `The lock of agent ${asks.agent_id} is held${holdersText(why)}`;
    case 'mass_loss_brake':
      return `The brake on mass loss is on until ${at(untilMs)}: what ran on a silent agent is not started on another`;
    case 'no_agent_matches':
      return asks.agent_id === undefined
        ? `No agent matches ${wanted(why)}, of ${why.candidates.known} that are known`
        : `Agent ${asks.agent_id} does not match ${wanted(why)}, or there is none`;
    default:
      return `${agentsText(why)}${breakersText(why.remedies)}`;
  }
}

function hourText({ untilMs }: Queued): string {
  if (untilMs !== null) return `, which ends at ${at(untilMs)}`;
  return ', and the task alone may print more than that';
}

function holdersText({ heldBy, heldByMore }: Queued): string {
  const [first] = heldBy;
  if (first === undefined) return '';
  const others = heldBy.length - 1 + heldByMore;
  return others === 0 ? ` by task ${first}` : ` by task ${first}, and ${others} more may come before it`;
}

function scopesOf(remedies: readonly Remedy[]): string {
  return remedies.flatMap((one) => (one.kind === 'set-mode' ? one.scopes : [])).join(' and of the ');
}

const standings = [
  ['agents_full', 'full'],
  ['agent_kept', 'kept for a larger task'],
  ['breaker_open', 'behind a circuit breaker'],
  ['agent_draining', 'draining'],
  ['agent_stopping', 'stopping'],
  ['agent_lost', 'lost'],
  ['requests_too_large', 'too small for it'],
] as const;

function agentsText(why: Queued): string {
  const { candidates, asks, rule } = why;
  const counted = standings.flatMap(([reason, text]) => {
    const count = candidates.byReason[reason] ?? 0;
    return count === 0 ? [] : [`${count} ${text}`];
  });
  if (asks.agent_id === undefined) return `Agents that match ${wanted(why)}: ${counted.join(', ')}`;
  const [, text = rule] = standings.find(([reason]) => reason === rule) ?? [];
  return `Agent ${asks.agent_id} is ${text}`;
}

function breakersText(remedies: readonly Remedy[]): string {
  const tripped = remedies.flatMap((one) => (one.kind === 'reset-breakers' ? one.breakers : []));
  if (tripped.length === 0) return '';
  return `; not closed: ${tripped.map(({ scope, name }) => `the breaker of ${scope} ${name}`).join(', ')}`;
}

function keptText({ kept }: Queued): string {
  if (!kept) return '';
  const byThen = kept.roomAtMs === null ? 'when what runs there has ended' : `by ${at(kept.roomAtMs)}`;
  return `; agent ${kept.agentId} is kept for it, and has room ${byThen}`;
}

function lineText({ position, weight, weights }: Queued): string {
  if (position === null) return '';
  return `; position ${position}, tenant weight ${weight}/${weights}`;
}

function wanted({ asks: { selector, executor } }: Queued): string {
  const by = executor === 'shell' ? '' : ` with executor ${executor}`;
  return `${formatSelector(selector)}${by}`;
}

function at(ms: number | null): string {
  return ms === null ? 'it is lifted' : new Date(ms).toISOString();
}
