import { type Agent } from '@fluxforge/domain/agent';
import { anyAgent, type FreeAgents } from './free-agents.js';
import { type PlacementGroup } from './placement-group.js';

/**
 * Blocked groups by what an agent must have to open them, so that a change of one agent looks at the groups
 * that hang on it and not at all of them. Each group is filed under one requirement: its agent, or the values of
 * that `in` term which the fewest agents have, or none.
 */
export class BlockedGroups {
  private readonly byAgent = new Map<string, Set<PlacementGroup>>();
  private readonly byNeed = new Map<string, Set<PlacementGroup>>();
  private readonly needsOf = new Map<PlacementGroup, readonly string[]>();
  private size = 0;
  /** Of them, those that ask for more than any free slot. */
  private demanding = 0;

  constructor(private readonly free: FreeAgents) {}

  add(group: PlacementGroup): void {
    if (group.blocked) return;
    this.count(group, 1);
    if (group.agentId !== null) return file(this.byAgent, group.agentId, group);
    const needs = this.free.rarestOf(group.needs);
    this.needsOf.set(group, needs);
    for (const need of needs) file(this.byNeed, need, group);
  }

  delete(group: PlacementGroup): void {
    if (!group.blocked) return;
    this.count(group, -1);
    if (group.agentId !== null) return unfile(this.byAgent, group.agentId, group);
    for (const need of this.needsOf.get(group) ?? []) unfile(this.byNeed, need, group);
    this.needsOf.delete(group);
  }

  /** Whether an agent could open any of them at all. `demanding`: of those that ask for more than any free slot. */
  mayHelp(demanding: boolean): boolean {
    return (demanding ? this.demanding : this.size) > 0;
  }

  /**
   * All that this agent might open, while they are blocked, and those that are blocked before the last was told.
   * `demanding`: only those that ask for more than any free slot, for an agent that had one before.
   */
  *candidates(agent: Agent, demanding: boolean): Generator<PlacementGroup, void, undefined> {
    const sets = [this.byAgent.get(agent.id), this.byNeed.get(anyAgent)];
    for (const label of this.free.labelsIn(agent)) sets.push(this.byNeed.get(label));
    for (const groups of sets) {
      if (groups) for (const group of groups) if (!demanding || group.requests) yield group;
    }
  }

  private count(group: PlacementGroup, sign: 1 | -1): void {
    group.blocked = sign > 0;
    this.size += sign;
    if (group.requests) this.demanding += sign;
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
