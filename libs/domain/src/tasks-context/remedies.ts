import { type Labels, type Selector } from '@fluxforge/events/catalogue';
import { hasResources, slotsOf, type Agent } from '@fluxforge/domain/agent';
import { breakerRoom } from '@fluxforge/domain/breakers';
import { matchesSelector, mergeLabels } from '@fluxforge/domain/kernel';
import { reservedBytes } from '@fluxforge/domain/quotas';
import { type Task } from '@fluxforge/domain/task';
import { type Survey } from './candidates.js';
import { type ModeScope } from './holds.js';
import { tasksNamed, type Queued, type Remedy } from './explanation.js';

const mostSlots = 1024;
const mostCpuMillis = 1_024_000;
const mostMemoryBytes = 2 ** 50;

export type Held = Pick<Queued, 'rule' | 'untilMs' | 'used' | 'limit' | 'limitName'> & {
  /** All of them, in the order of their names in `Queued`. */
  readonly heldBy: readonly string[];
  readonly scopes: readonly ModeScope[];
};

/** The ready tasks of the tenant at a moment; `ahead` are those that are served before the one in question. */
export interface Line {
  readonly ahead: readonly Task[];
  readonly ready: () => readonly Task[];
}

export interface Lines extends Line {
  readonly at: (atMs: number) => Line;
}

/** What lifts the rule. */
export function remediesFor(held: Held, task: Task, survey: Survey, line: Lines): Remedy[] {
  const wait: Remedy[] = held.untilMs === null ? [] : [{ kind: 'wait-until', atMs: held.untilMs }];
  switch (held.rule) {
    case 'turn':
      return [{ kind: 'none-needed' }];
    case 'quota_running_tasks':
      return raiseLimit(held, line.ready());
    case 'quota_output_bytes':
      return [...raiseLimit(held, line.ready()), ...(hourSuffices(held, line) ? wait : [])];
    case 'mode_draining':
      return [{ kind: 'set-mode', mode: 'normal', scopes: held.scopes }];
    case 'concurrency_key':
    case 'lock_held':
      return [endTasks(held.heldBy)];
    case 'mass_loss_brake':
      return [{ kind: 'release-brake' }, ...wait];
    case 'agent_removed':
      return [{ kind: 'submit-otherwise' }];
    default:
      return wait.length > 0 ? wait : placementRemedies(task, survey, line);
  }
}

function endTasks(ids: readonly string[]): Remedy {
  return { kind: 'end-tasks', taskIds: ids.slice(0, tasksNamed), more: Math.max(0, ids.length - tasksNamed) };
}

function sumOf(tasks: readonly Task[], of: (task: Task) => number): number {
  return tasks.reduce((sum, task) => sum + of(task), 0);
}

/** By as much as all that is ready takes: what is behind it may fit where it does not, and take the room. */
function raiseLimit({ rule, used, limitName }: Held, ready: readonly Task[]): Remedy[] {
  if (limitName === null || used === null) return [];
  const bytes = rule === 'quota_output_bytes';
  const need = bytes ? ready.reduce((sum, one) => sum + reservedBytes(one.spec), 0) : ready.length;
  return [{ kind: 'raise-limit', limit: limitName, to: used + need }];
}

/** The next hour is no longer than this one: whoever is ready by then may use it up. */
function hourSuffices({ untilMs, limit }: Held, line: Lines): boolean {
  if (untilMs === null || limit === null) return false;
  return sumOf(line.at(untilMs).ready(), ({ spec }) => reservedBytes(spec)) <= limit;
}

function placementRemedies(task: Task, survey: Survey, line: Lines): Remedy[] {
  const { ahead, ready } = line;
  const all = [...ahead, task];
  const [agent] = survey.nearestAgents;
  const pinned = task.spec.agent_id !== undefined;
  const agentId = agent?.id ?? '';
  const more = (): Remedy[] => (pinned ? [] : addAgents(task, all, survey));
  switch (survey.nearest) {
    case 'agent_lost':
    case 'agent_stopping':
      return [{ kind: 'connect-agent', agentId }, ...more()];
    case 'agent_draining':
      return [{ kind: 'undrain-agent', agentId }, ...more()];
    case 'breaker_open':
      return [...resetBreakers(agent, line), ...more()];
    case 'agent_kept':
      return pinned ? [endLarge(task, agent, ready())] : more();
    case 'agents_full':
      return pinned ? moreSlots(task, survey, all) : more();
    case 'requests_too_large':
      return pinned ? [{ kind: 'submit-otherwise' }] : more();
    default:
      return pinned ? relabel(task, survey) : more();
  }
}

/** Whom its room is kept for, and for whom it could be next. */
function endLarge(task: Task, agent: Agent | undefined, ready: readonly Task[]): Remedy {
  const kept = agent?.keptFor ?? '';
  const others = ready.filter((one) => one !== task && one.spec.requests && one.id !== kept);
  return endTasks([kept, ...others.map(({ id }) => id)]);
}

/** By themselves they let one probe through when all have cooled down: it is whoever is first by then. */
function resetBreakers(agent: Agent | undefined, line: Lines): Remedy[] {
  const tripped = agent?.breakers.trippedFor(agent.id, agent.labels) ?? [];
  const breakers = tripped.map(({ scope, name }) => ({ scope, name }));
  const untilMs = Math.max(0, ...tripped.map((one) => (one.phase === 'open' ? one.untilMs : Infinity)));
  const waits = Number.isFinite(untilMs) && line.at(untilMs).ahead.length === 0;
  const wait: Remedy[] = waits ? [{ kind: 'wait-until', atMs: untilMs }] : [];
  return [{ kind: 'reset-breakers', breakers }, ...wait];
}

/** Enough for `all` that are served before it and itself: who is first in line takes what is new. */
function addAgents(task: Task, all: readonly Task[], survey: Survey): Remedy[] {
  if (!labelsFor(task.spec.selector, {})) return [{ kind: 'submit-otherwise' }];
  const labels = labelsOfNew(task, survey);
  if (!labels) return [];
  const wanted = demandOf(all);
  const size = {
    slots: Math.min(mostSlots, wanted.slots),
    cpu_millis: Math.min(mostCpuMillis, wanted.cpu_millis),
    memory_bytes: Math.min(mostMemoryBytes, wanted.memory_bytes),
  };
  const { slots, ...capacity } = size;
  const count = Math.min(all.length, agentsFor(demandOf([task]), wanted, size));
  return [{ kind: 'add-agents', count, slots, labels, executor: task.spec.executor, capacity }];
}

/**
 * So many of `size` that one has room left, whichever of them those before it go to (where each goes is another rule's
 * to say, and may change with it): no more than tasks, and an agent without room lacks one resource at least, of which
 * those before it take only so much in all.
 */
function agentsFor(own: Demand, wanted: Demand, size: Demand): number {
  let full = 0;
  for (const resource of ['slots', 'cpu_millis', 'memory_bytes'] as const) {
    if (own[resource] === 0) continue;
    full += Math.floor((wanted[resource] - own[resource]) / (size[resource] - own[resource] + 1));
  }
  return full + 1;
}

/** Slots alone help where CPU and memory are there for all that come before it as well. */
function moreSlots(task: Task, { nearestAgents }: Survey, all: readonly Task[]): Remedy[] {
  const [agent] = nearestAgents;
  if (!agent) return [];
  const wanted = demandOf(all);
  const to = agent.slots + wanted.slots;
  if (to <= mostSlots && hasResources(agent, wanted)) {
    return [{ kind: 'raise-slots', agentId: agent.id, to }];
  }
  const before = all.filter((one) => one !== task).map(({ id }) => id);
  return [endTasks([...agent.leases, ...before])];
}

/** In a domain whose breaker lets all through, or at least one; null: none such may be asked for, and it would not help. */
function labelsOfNew(task: Task, { nearest, nearestAgents }: Survey): Labels | null {
  const { selector } = task.spec;
  const [agent] = nearestAgents;
  const tripped = agent?.breakers
    .all()
    .filter(({ scope, phase }) => scope === 'domain' && phase !== 'closed');
  if (!agent || !tripped || tripped.length === 0) return labelsFor(selector, {});
  const key = agent.breakers.policies.domainLabel;
  const outside = (values: readonly string[]) =>
    labelsFor([...selector, { key, op: 'not-in', values: [...values] }], {});
  const healthy = outside(tripped.map(({ name }) => name));
  // One that lets a probe through would show the same again to whoever is not first.
  if (healthy || nearest === 'breaker_open') return healthy;
  const shut = outside(tripped.filter((one) => breakerRoom(one) === 'none').map(({ name }) => name));
  return shut || isBeyondBreakers(nearest) ? shut : labelsFor(selector, {});
}

/** What is nearer than an agent behind a breaker: another such agent changes nothing. */
function isBeyondBreakers(nearest: Survey['nearest']): boolean {
  return nearest === 'agent_kept' || nearest === 'agents_full';
}

type Demand = Readonly<Record<'slots' | 'cpu_millis' | 'memory_bytes', number>>;

function demandOf(tasks: readonly Task[]): Demand {
  return {
    slots: sumOf(tasks, ({ spec }) => slotsOf(spec.requests)),
    cpu_millis: sumOf(tasks, ({ spec }) => spec.requests?.cpu_millis ?? 0),
    memory_bytes: sumOf(tasks, ({ spec }) => spec.requests?.memory_bytes ?? 0),
  };
}

/** It names an agent that does not match: that one would have to change. */
function relabel(task: Task, { nearestAgents }: Survey): Remedy[] {
  const agent = nearestAgents.find(({ id }) => id === task.spec.agent_id);
  const labels = agent && labelsFor(task.spec.selector, agent.labels);
  // Labels of the join token stand above what an agent says of itself.
  if (!agent || !labels || !matchesSelector(task.spec.selector, mergeLabels(labels, agent.tokenLabels))) {
    return [{ kind: 'submit-otherwise' }];
  }
  return [{ kind: 'relabel-agent', agentId: agent.id, labels, executor: task.spec.executor }];
}

/** Labels, near to `now`, that satisfy every term; null when no labels do. */
export function labelsFor(selector: Selector, now: Labels): Labels | null {
  const labels = { ...now };
  for (const { key, op, values } of selector) {
    const banned = selector.flatMap((term) => (term.op === 'not-in' && term.key === key ? term.values : []));
    const allowed = selector.filter((term) => term.op === 'in' && term.key === key);
    if (op === 'not-exists') delete labels[key];
    if (op === 'not-in' && banned.includes(labels[key] ?? '')) delete labels[key];
    if (op === 'in') {
      const value = values.find(
        (one) => allowed.every((t) => t.values.includes(one)) && !banned.includes(one),
      );
      if (value === undefined) return null;
      labels[key] = value;
    }
    if (op === 'exists' && !(key in labels)) labels[key] = unusedValue(banned);
  }
  return matchesSelector(selector, labels) ? labels : null;
}

function unusedValue(banned: readonly string[]): string {
  for (let i = 0; ; i++) if (!banned.includes(`v${i}`)) return `v${i}`;
}
