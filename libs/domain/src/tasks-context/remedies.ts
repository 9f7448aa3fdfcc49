import { type Labels, type Selector } from '@fluxforge/events/catalogue';
import { hasResources, hasRoom, type Agent } from '@fluxforge/domain/agent';
import { breakerRoom, type Breaker } from '@fluxforge/domain/breakers';
import { matchesSelector, mergeLabels } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { type Survey } from './candidates.js';
import { type Remedy } from './explanation.js';
import { type Hold } from './holds.js';
import { Stretch, type Line } from './line.js';
import { NamedTasks } from './named-tasks.js';
import { type Realm } from './state.js';

const mostSlots = 1024;
const mostCpuMillis = 1_024_000;
const mostMemoryBytes = 2 ** 50;
/** Of one tenant: no limit may be higher. */
const mostAgents = 100_000;

/** A ready task, and all that its remedies hang on. */
export interface Case {
  readonly realm: Realm;
  readonly task: Task;
  readonly survey: Survey;
  readonly line: Line;
  readonly heldBy: NamedTasks;
}

/** What lifts the rule. Null: of a task that is not ready, and waits for the clock alone, or for nothing. */
export function remediesFor(hold: Hold, of: Case | null): Remedy[] {
  const wait: Remedy[] = hold.untilMs === null ? [] : [{ kind: 'wait-until', atMs: hold.untilMs }];
  if (!of) return wait.length > 0 ? wait : [{ kind: 'submit-otherwise' }];
  const { line } = of;
  switch (hold.reason) {
    case 'turn':
      return [{ kind: 'none-needed' }];
    case 'quota_running_tasks':
      return raiseLimit(hold, line.ready);
    case 'quota_output_bytes':
      return [...raiseLimit(hold, line.readyBytes), ...(hourSuffices(hold, line) ? wait : [])];
    case 'mode_draining':
      return [{ kind: 'set-mode', mode: 'normal', scopes: hold.scopes ?? [] }];
    case 'concurrency_key':
    case 'lock_held':
      return [endTasks(of.heldBy)];
    case 'mass_loss_brake':
      return [{ kind: 'release-brake' }, ...wait];
    default:
      return placementRemedies(of);
  }
}

function endTasks({ ids, more }: NamedTasks): Remedy {
  return { kind: 'end-tasks', taskIds: ids, more };
}

/** By as much as all that is ready takes: what is behind it may fit where it does not, and take the room. */
function raiseLimit({ used, limitName }: Hold, need: number): Remedy[] {
  if (limitName === undefined || used === undefined) return [];
  return [{ kind: 'raise-limit', limit: limitName, to: used + need }];
}

/** The next hour is no longer than this one: whoever is ready by then may use it up. */
function hourSuffices({ untilMs, limit }: Hold, line: Line): boolean {
  return untilMs === line.nextHourMs && limit !== undefined && line.nextHourBytes <= limit;
}

function placementRemedies(of: Case): Remedy[] {
  const { task, survey, line } = of;
  const [agent] = survey.nearestAgents;
  const pinned = task.spec.agent_id !== undefined;
  const agentId = agent?.id ?? '';
  const more = (): Remedy[] => (pinned ? [] : addAgents(of));
  switch (survey.nearest) {
    case 'agent_lost':
    case 'agent_stopping':
      return [{ kind: 'connect-agent', agentId }, ...more()];
    case 'agent_draining':
      return [{ kind: 'undrain-agent', agentId }, ...more()];
    case 'breaker_open':
      return [...resetBreakers(agent, of), ...more()];
    case 'agent_kept':
      return pinned ? [endLarge(agent, line)] : more();
    case 'agents_full':
      return pinned ? moreSlots(of) : more();
    case 'requests_too_large':
      return pinned ? [{ kind: 'submit-otherwise' }] : more();
    default:
      return pinned ? relabel(task, survey) : more();
  }
}

/** Whom its room is kept for, and for whom it could be next. */
function endLarge(agent: Agent | undefined, { large }: Line): Remedy {
  const kept = agent?.keptFor ?? '';
  const all = new NamedTasks();
  all.add(kept);
  return endTasks(all.addAll(large.without(kept)));
}

/** Any of these keeps leases away; without an operator they go by the clock where the task is sure to be the probe. */
function resetBreakers(agent: Agent | undefined, of: Case): Remedy[] {
  const tripped = agent?.breakers.trippedFor(agent.id, agent.labels) ?? [];
  const breakers = tripped.map(({ scope, name }) => ({ scope, name }));
  const probeAtMs = agent ? probedAtMs(agent, tripped, of) : null;
  const wait: Remedy[] = probeAtMs === null ? [] : [{ kind: 'wait-until', atMs: probeAtMs }];
  return [{ kind: 'reset-breakers', breakers }, ...wait];
}

/**
 * They let one probe through when all have cooled down: the first by then that fits beside what runs there. Null: that
 * may be another one, or another agent may have the probe of the domain by then.
 */
function probedAtMs(agent: Agent, tripped: readonly Breaker[], { task, line }: Case): number | null {
  const untilMs = Math.max(0, ...tripped.map((one) => (one.phase === 'open' ? one.untilMs : Infinity)));
  if (!Number.isFinite(untilMs) || line.firstAheadAtMs <= untilMs) return null;
  if (tripped.some((one) => one.scope === 'domain' && one.untilMs < untilMs)) return null;
  return hasRoom(agent, task.spec.requests) ? untilMs : null;
}

type Demand = Readonly<Pick<Stretch, 'slots' | 'cpu_millis' | 'memory_bytes'>>;

/** Of the task and of all that are served before it: who is first in line takes what is new. */
function demandOf({ task, line }: Case): { readonly own: Demand; readonly wanted: Stretch } {
  const own = new Stretch();
  own.add(task);
  const wanted = new Stretch();
  wanted.add(task);
  wanted.addAll(line.ahead);
  return { own, wanted };
}

/** Raising the limit comes first where there would be more than the tenant may have: else none of them is let in. */
function addAgents(of: Case): Remedy[] {
  const { realm, task, survey } = of;
  if (!labelsFor(task.spec.selector, {})) return [{ kind: 'submit-otherwise' }];
  const labels = labelsOfNew(task, survey);
  if (!labels) return [];
  const { own, wanted } = demandOf(of);
  const slots = Math.min(mostSlots, wanted.slots);
  const capacity = {
    cpu_millis: Math.min(mostCpuMillis, wanted.cpu_millis),
    memory_bytes: Math.min(mostMemoryBytes, wanted.memory_bytes),
  };
  const count = Math.min(wanted.tasks.count, agentsFor(own, wanted, { slots, ...capacity }));
  const agents = realm.agents.size + count;
  if (agents > mostAgents) return [{ kind: 'submit-otherwise' }];
  const maxAgents = agents > realm.tenant.limits.max_agents ? agents : null;
  return [{ kind: 'add-agents', count, slots, labels, executor: task.spec.executor, capacity, maxAgents }];
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
function moreSlots(of: Case): Remedy[] {
  const [agent] = of.survey.nearestAgents;
  if (!agent) return [];
  const { wanted } = demandOf(of);
  const to = agent.slots + wanted.slots;
  if (to <= mostSlots && hasResources(agent, wanted)) {
    return [{ kind: 'raise-slots', agentId: agent.id, to }];
  }
  const all = new NamedTasks();
  for (const id of agent.leases) all.add(id);
  return [endTasks(all.addAll(of.line.ahead.tasks))];
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
