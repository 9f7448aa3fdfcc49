import { type Selector } from '@fluxforge/events/catalogue';
import { type Task } from '@fluxforge/domain/task';
import { posting, wishText, type Wish } from './free-agents.js';
import { type Lane } from './gates.js';
import { ReadyTasks } from './ready-tasks.js';

/**
 * Queued tasks that ask for the same kind of agent: where the first of them fits nowhere, none does.
 *
 *   open    -- no agent fits --> blocked
 *   blocked -- an agent that fits came, or got a slot free --> open
 *   open    -- a gate is closed to it --> parked
 *   parked  -- that gate was opened --> open
 *
 * So a task that fits nowhere holds up only those that fit nowhere either.
 */
export interface PlacementGroup extends Wish, Lane {
  /** Unique among the groups of its agent (or of none). */
  readonly name: string;
  /** What it asks of any agent, as a text. */
  readonly wish: string;
  readonly agentId: string | null;
  readonly ready: ReadyTasks;
  /** What an agent must have one of to take any of it, when it names no agent: labels, or nothing in particular. */
  readonly needs: readonly string[];
  /** Kept by `BlockedGroups`. */
  blocked: boolean;
  /** The gate at which it waits, or null. Kept by `ParkedGroups`. */
  parkedAt: string | null;
}

export function laneOf(task: Task): Lane {
  return {
    concurrency: task.spec.concurrency ?? null,
    lockedAgentId: task.exclusive ? (task.spec.agent_id ?? null) : null,
    isOrphaned: task.isOrphaned,
  };
}

/** Empty for most tasks, so that the common case makes no new text. */
function laneText(task: Task): string {
  const { concurrency } = task.spec;
  if (!concurrency && !task.exclusive && !task.isOrphaned) return '';
  const key = concurrency ? `${concurrency.strategy}/${concurrency.max}/${concurrency.key}` : '';
  return `\u0001${task.exclusive ? 'x' : ''}${task.isOrphaned ? 'o' : ''}\u0001${key}`;
}

function newGroup(name: string, wish: string, task: Task, agingMs: number): PlacementGroup {
  const { executor, agent_id, selector, requests, placement } = task.spec;
  return {
    ...laneOf(task),
    name,
    wish,
    executor,
    agentId: agent_id ?? null,
    selector,
    requests,
    placement,
    ready: new ReadyTasks(agingMs),
    needs: needsOf(selector),
    blocked: false,
    parkedAt: null,
  };
}

/** The groups with a ready task, by the agent that they name (or none) and by what they ask of any agent. */
export class Groups {
  private readonly byAgent = new Map<string | null, Map<string, PlacementGroup>>();

  constructor(private readonly agingMs: number) {}

  of(task: Task): PlacementGroup {
    const agentId = task.spec.agent_id ?? null;
    let byWish = this.byAgent.get(agentId);
    if (!byWish) this.byAgent.set(agentId, (byWish = new Map<string, PlacementGroup>()));
    const wish = wishText(task.spec);
    const lane = laneText(task);
    const name = lane === '' ? wish : wish + lane;
    let group = byWish.get(name);
    if (!group) byWish.set(name, (group = newGroup(name, wish, task, this.agingMs)));
    return group;
  }

  delete(group: PlacementGroup): void {
    const byWish = this.byAgent.get(group.agentId);
    byWish?.delete(group.name);
    if (byWish?.size === 0) this.byAgent.delete(group.agentId);
  }
}

/**
 * Blocked groups by what an agent must have to open them, so that a change of one agent looks at the groups
 * that hang on it and not at all of them. Each group is filed under one requirement: its agent, the values
 * of its first `in` term, or none.
 */
export class BlockedGroups {
  private readonly byAgent = new Map<string, Set<PlacementGroup>>();
  private readonly byNeed = new Map<string, Set<PlacementGroup>>();
  /** Of them, those that ask for more than any free slot. */
  private demanding = 0;

  add(group: PlacementGroup): void {
    if (group.blocked) return;
    group.blocked = true;
    if (group.requests) this.demanding += 1;
    if (group.agentId !== null) return file(this.byAgent, group.agentId, group);
    for (const need of group.needs) file(this.byNeed, need, group);
  }

  delete(group: PlacementGroup): void {
    if (!group.blocked) return;
    group.blocked = false;
    if (group.requests) this.demanding -= 1;
    if (group.agentId !== null) return unfile(this.byAgent, group.agentId, group);
    for (const need of group.needs) unfile(this.byNeed, need, group);
  }

  /**
   * All that an agent of this id with these labels might open. `demanding`: only those that ask for more than any
   * free slot, for an agent that had one before.
   */
  candidates(agentId: string, labels: readonly string[], demanding: boolean): PlacementGroup[] {
    const found: PlacementGroup[] = [];
    if (demanding && this.demanding === 0) return found;
    collect(this.byAgent.get(agentId), demanding, found);
    if (this.byNeed.size === 0) return found;
    collect(this.byNeed.get(anyAgent), demanding, found);
    for (const label of labels) collect(this.byNeed.get(label), demanding, found);
    return found;
  }
}

function file(by: Map<string, Set<PlacementGroup>>, name: string, group: PlacementGroup): void {
  const groups = by.get(name);
  if (groups) groups.add(group);
  else by.set(name, new Set([group]));
}

function unfile(by: Map<string, Set<PlacementGroup>>, name: string, group: PlacementGroup): void {
  const groups = by.get(name);
  groups?.delete(group);
  if (groups?.size === 0) by.delete(name);
}

function collect(
  groups: ReadonlySet<PlacementGroup> | undefined,
  demanding: boolean,
  found: PlacementGroup[],
): void {
  if (groups) for (const group of groups) if (!demanding || group.requests) found.push(group);
}

/** Groups to which a gate is closed, by that gate. */
export class ParkedGroups {
  private readonly byGate = new Map<string, Set<PlacementGroup>>();

  add(group: PlacementGroup, gate: string): void {
    group.parkedAt = gate;
    const groups = this.byGate.get(gate);
    if (groups) groups.add(group);
    else this.byGate.set(gate, new Set([group]));
  }

  delete(group: PlacementGroup): void {
    if (group.parkedAt === null) return;
    const groups = this.byGate.get(group.parkedAt);
    groups?.delete(group);
    if (groups?.size === 0) this.byGate.delete(group.parkedAt);
    group.parkedAt = null;
  }

  at(gate: string): PlacementGroup[] {
    return [...(this.byGate.get(gate) ?? [])];
  }
}

const anyAgent = '';

function needsOf(selector: Selector): readonly string[] {
  const term = selector.find((one) => one.op === 'in');
  return term ? [...new Set(term.values.map((value) => posting(term.key, value)))] : [anyAgent];
}
